"""What the end of single stays knows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.booking.lifecycle.sagas.cancellation.data import End
from services.booking.lifecycle.sagas.data import LifecycleData
from shared.contracts.booking import BookedRoom


class StaysEndData(LifecycleData):
    """Stays that are off, their codes by room, with their fee; amounts are in `currency`.

    `rooms` and `total` are what the booking keeps, `revision` is the booking's after it. `refund` is what payments gave
    back; None until it has said so.
    """

    end: End
    revision: int
    package: str
    stays: Mapping[str, str]
    rooms: tuple[BookedRoom, ...]
    total: Decimal
    fee: Decimal
    currency: str
    refund: Decimal | None = None
