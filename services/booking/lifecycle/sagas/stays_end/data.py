"""What the end of single stays knows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.booking.lifecycle.sagas.cancellation.data import EndData
from shared.contracts.booking import BookedRoom


class StaysEndData(EndData):
    """Stays that are off, their codes by room, with their fee; amounts are in `currency`.

    `rooms` and `total` are what the booking keeps, `revision` is the booking's after it.
    """

    revision: int
    package: str
    stays: Mapping[str, str]
    rooms: tuple[BookedRoom, ...]
    total: Decimal
