"""A property as booking knows it: its name for texts, and what it lets guests request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from services.booking.record import CancellationTerms
from shared.contracts.booking import PropertyFacts, RequestFacts
from shared.contracts.common import Policy, Reason
from shared.errors import Refusal


class MultiRoom(StrEnum):
    """Who may ask for several rooms in one request."""

    ON = "on"
    OFF = "off"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Property:
    """Booking's own view of a property; `terms` is the cancellation policy that its new bookings get."""

    id: str
    name: str
    timezone: str
    contact: str = ""
    policy: Policy = Policy.ALL_OR_NOTHING
    multi_room: MultiRoom = MultiRoom.ON
    multi_room_guests: frozenset[str] = frozenset()
    check_in_time: time = time(15)
    terms: CancellationTerms | None = None

    @property
    def facts(self) -> PropertyFacts:
        """What texts say of it."""
        return PropertyFacts(
            id=self.id,
            name=self.name,
            timezone=self.timezone,
            contact=self.contact,
            check_in_time=self.check_in_time,
        )


def check_multi_room(property_: Property, request: RequestFacts) -> None:
    """Several rooms in one request can be switched off, or limited to listed guests while it is tried out.

    Raises:
        Refusal: multi_room_disabled.
    """
    if len(request.rooms) == 1 or property_.multi_room is MultiRoom.ON:
        return
    known_as = {request.guest.email.casefold(), request.guest.phone or "", request.contact.wa_id or ""}
    if property_.multi_room is MultiRoom.LISTED and known_as & {
        listed.casefold() for listed in property_.multi_room_guests
    }:
        return
    raise Refusal(
        Reason.MULTI_ROOM_DISABLED, "several rooms in one request are not offered here; send one request a room"
    )
