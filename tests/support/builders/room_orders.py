"""Orders of rooms for tests of systems that keep rooms, and what such a test needs of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from services.availability.external.numbering import Numbering
from services.availability.external.port import Inventory, RoomOrder
from services.availability.stay import Stay
from tests.support.builders.bookings import CHECK_IN

STAY = Stay(CHECK_IN, CHECK_IN + timedelta(days=2))
JUNIOR = "bungalow_junior"
ROOMS = {str(n) for n in range(18, 22)}
NUMBERING = Numbering({str(n): JUNIOR for n in range(18, 60)} | {"1A": "habitacion"}, "habitacion", "pasadia")


def order(room: str = "18", **more: Any) -> RoomOrder:
    facts = {
        "key": uuid4(),
        "room": room,
        "type": JUNIOR,
        "stay": STAY,
        "guest": "Ana López",
        "adults": 2,
        "children_0_to_5": 0,
        "children_6_to_10": 1,
        "package": "las_hojas",
        "payment_method": "bank_transfer",
        "amount": Decimal("431.25"),
        "payer": "Ana López",
    }
    return RoomOrder(**facts | more)


@dataclass
class Place:
    """An inventory under test with four free Junior rooms; `snatch` takes one from under us, `fail` cuts it off."""

    inventory: Inventory
    snatch: Callable[[str], Awaitable[None]]
    cut: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]


async def free(place: Place, stay: Stay = STAY) -> set[str]:
    return set((await place.inventory.free_rooms(stay)).get(JUNIOR, ()))
