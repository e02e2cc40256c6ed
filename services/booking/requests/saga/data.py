"""What the saga of a request for rooms knows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from services.booking.record import CancellationTerms
from shared.contracts.availability import FailedRoom, HeldRoom
from shared.contracts.booking import PropertyFacts, RequestFacts
from shared.contracts.common import Policy
from shared.saga.state import SagaData

# Steps that others refer to by their names.
RESERVE_PAYMENT = "reserve payment"
BOOK_ROOMS = "book rooms"
CAPTURE_PAYMENT = "capture payment"


class RequestData(SagaData):
    """A request, and what is known of its rooms and its payment so far. Amounts are in `currency`.

    `caller` is to whom a payment may have been named. `codes` are the reservation codes by line. A property's own are
    given when the request is accepted; where an external system keeps the rooms, those of that system take their place
    once the rooms are ordered there.
    """

    booking_id: UUID
    request: RequestFacts
    property: PropertyFacts
    policy: Policy
    terms: CancellationTerms | None = None
    caller: str | None = None
    rooms: tuple[HeldRoom, ...] = ()
    failed: tuple[FailedRoom, ...] = ()
    total: Decimal | None = None
    currency: str | None = None
    codes: Mapping[int, str] = Field(default_factory=dict)
    outside: bool = False
    freed: bool = False
    payment_id: str | None = None
    found_later: bool = False
    escalated: bool = False

    def reservation_codes(self) -> tuple[str, ...]:
        """The codes of its rooms, in their order; a code whose line has no room is not used."""
        return tuple(self.codes[room.line] for room in self.rooms)

    def holding(self) -> int:
        """Which hold of its rooms is meant: the second one once the first was freed."""
        return 2 if self.freed else 1
