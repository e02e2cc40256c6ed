"""The port: what every place that keeps rooms can do, and the ways in which it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from services.availability.stay import Stay
from shared.errors import CallFailed

FreeRooms = Mapping[str, tuple[str, ...]]


class RoomTaken(Exception):
    """The room is taken already: choose another."""


class InventoryUnavailable(CallFailed):
    """No answer, or one that is none. Whether a booking was made is not known: the same order may be sent again."""


class CannotCancel(Exception):
    """This place undoes nothing, or not this: a person has to."""


@dataclass(frozen=True, slots=True)
class RoomOrder:
    """One room to be booked. The same `key` is the same order, however often it is sent.

    It carries what a front desk needs, the whole guest included, and never the payment's id. `type` is our key,
    `package` as it was requested; an adapter says both, and the payment's method, in its system's own words. Money is
    in the property's currency.
    """

    key: UUID
    room: str
    type: str
    stay: Stay
    guest: str
    adults: int
    children_0_to_5: int
    children_6_to_10: int
    package: str
    payment_method: str
    amount: Decimal
    payer: str
    extra_beds: int = 0
    extra_beds_cost: Decimal = Decimal("0.00")
    instructions: str = ""
    email: str | None = None
    phone: str | None = None
    city: str | None = None
    document: str | None = None
    nationality: str | None = None


class Inventory(Protocol):
    """A place that keeps a property's rooms."""

    @property
    def can_cancel(self) -> bool:
        """Whether what was booked can be undone without a person."""
        ...

    async def free_rooms(self, stay: Stay) -> FreeRooms:
        """The numbers of the rooms that are free for every night, by the key of their type; never zeros for a fault.

        Raises:
            InventoryUnavailable: when it does not answer, or not as it should.
        """
        ...

    async def book(self, order: RoomOrder) -> str:
        """Book a room; returns the reservation's code.

        Raises:
            RoomTaken: when the room is taken already.
            InventoryUnavailable: when it is not known what became of it.
        """
        ...

    async def cancel(self, key: UUID, code: str) -> None:
        """Undo the booking of an order; one that is undone already stays so.

        Raises:
            CannotCancel: when only a person can.
            InventoryUnavailable: when it does not answer.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
