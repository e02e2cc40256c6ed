"""A gateway's request for a booking."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID, uuid5

import orjson
from pydantic import BeforeValidator, EmailStr, Field, model_validator

from shared.contracts import topics
from shared.contracts.common import (
    Amount,
    Channel,
    Day,
    Headcount,
    Identifier,
    Language,
    Name,
    Occupants,
    Part,
    PaymentMethod,
    Policy,
    Prose,
    RefusalDetails,
    RoomNumber,
    Text,
)
from shared.contracts.legacy_aliases import normalize
from shared.messages.message import Message

_BOOKINGS = UUID("6f1d4a3e-3c39-4c52-9d3c-0b7a1e1f2a55")
_OLDER_METHODS = {
    "depósito bac": "bank_transfer",
    "deposito bac": "bank_transfer",
    "compraclick": "card_link",
}


def booking_id_of(request_id: str) -> UUID:
    """The id of the booking that a request becomes; the same each time the request is read."""
    return uuid5(_BOOKINGS, request_id)


def _method(given: object) -> object:
    return _OLDER_METHODS.get(given.strip().lower(), given) if isinstance(given, str) else given


class Guest(Part):
    """Who books."""

    name: Name
    email: Annotated[Text, Field(max_length=254)]
    phone: Identifier | None = None
    city: Name | None = None
    document: Identifier | None = Field(default=None, description="DUI or passport.")
    nationality: Name | None = None


class RequestingGuest(Guest):
    """Who books, with a valid e-mail address; it is checked once, when the request arrives."""

    email: EmailStr


class Contact(Part):
    """How the guest writes to us; filled in by the gateway, never by an assistant."""

    wa_id: Identifier | None = None
    subscriber_id: Identifier | None = None
    channel: Channel | None = None


class RequestedRoom(Occupants):
    """One room of a request: its type as label or key, and who sleeps in it."""

    type: Identifier
    adults: Headcount
    children_0_to_5: Headcount
    children_6_to_10: Headcount
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class RequestedPayment(Part):
    """What the guest says was paid for all rooms, and the evidence of it."""

    method: Annotated[PaymentMethod, BeforeValidator(_method)]
    amount: Amount
    payer: Name | None = None
    reference: Identifier | None = None
    slip_date: Day | None = None
    slip_amount: Amount | None = None
    authorization_number: Identifier | None = None


class RequestFacts(Part):
    """The facts of a valid request."""

    request_id: Identifier
    property_id: Identifier | None = None
    guest: Guest
    check_in: Day
    check_out: Day
    package: Identifier
    rooms: tuple[RequestedRoom, ...] = Field(min_length=1, max_length=50)
    payment: RequestedPayment
    instructions: Annotated[Prose, Field(max_length=2000)] | None = None
    language: Language = Language.SPANISH
    avoid_rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=500)
    contact: Contact = Contact()
    policy: Policy | None = None


class BookingRequested(
    Message, RequestFacts, type="posada.booking.requested.v1", topic=topics.BOOKING_REQUESTS, key="request_id"
):
    """One request for one or more rooms, paid with one payment.

    `request_id` is the gateway's: a repeated id gets the first outcome and books nothing. Older names of fields and the
    flat form for one room are accepted.
    """

    guest: RequestingGuest

    @classmethod
    def from_wire(cls, body: bytes, reference: str) -> Self:
        """Read a request; one without a request id gets its CloudEvents source and id as `reference`."""
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError:
            return cls.model_validate_json(body)
        if isinstance(given, dict):
            given.setdefault("request_id", reference)
        return cls.model_validate(given)

    @property
    def correlation(self) -> str:
        """The booking that the request becomes."""
        return str(booking_id_of(self.request_id))

    @property
    def booking(self) -> str:
        """The booking that the request becomes."""
        return self.correlation

    def facts(self) -> RequestFacts:
        """The facts as they are stored, without further validation."""
        return RequestFacts.model_construct(**{name: getattr(self, name) for name in RequestFacts.model_fields})

    @model_validator(mode="before")
    @classmethod
    def _accept_older_names(cls, given: Any) -> Any:
        return normalize(given)


class RequestInvalid(
    Message, type="posada.booking.request-invalid.v1", topic=topics.internal("booking"), key="booking_id"
):
    """An invalid request, with its ids and its problems; booking sends it to itself."""

    booking_id: UUID
    request_id: Text
    property_id: Text = ""
    language: Language = Language.SPANISH
    refusal: RefusalDetails
