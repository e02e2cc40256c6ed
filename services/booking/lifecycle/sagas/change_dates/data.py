"""What a change of dates knows."""

from __future__ import annotations

from decimal import Decimal

from services.booking.lifecycle.sagas.data import LifecycleData
from shared.contracts.availability import HeldRoom, PlacedWish


class DateChangeData(LifecycleData):
    """A change to [check_in, check_out). `revision` is the booking's once it is changed.

    `rooms` and `total`, in `currency`, are those of the new nights, once they are held.
    """

    revision: int
    package: str
    wishes: tuple[PlacedWish, ...]
    avoid_rooms: tuple[str, ...] = ()
    rooms: tuple[HeldRoom, ...] = ()
    total: Decimal | None = None
    currency: str = ""
