"""Booking's messages: the request of a gateway, the steps on the way, and the one outcome."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Self
from uuid import UUID, uuid5

import orjson
from pydantic import BeforeValidator, EmailStr, Field, model_validator

from shared.contracts import topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Channel,
    Count,
    Currency,
    Day,
    Details,
    Headcount,
    Identifier,
    Language,
    Line,
    Moment,
    Name,
    Number,
    Occupants,
    Part,
    PaymentMethod,
    Policy,
    Prose,
    RefusalDetails,
    RoomNumber,
    Text,
    Zone,
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


class BookingProgressed(
    Message,
    type="posada.booking.progressed.v1",
    topic=topics.BOOKING_PROGRESS,
    key="booking_id",
    promised=False,
):
    """A step of the booking, so that a gateway can show progress."""

    booking_id: UUID
    request_id: Text
    step: Text = Field(
        description="accepted, rooms_held, payment_reserved, rooms_booked, payment_captured, guest_notified,"
        " conversation_linked"
    )
    at: Moment
    details: Details = Field(default_factory=dict)


class PropertyFacts(Part):
    """What texts need to know of the property."""

    id: Text
    name: Text
    timezone: Zone
    contact: Text = ""
    check_in_time: time = Field(time(15), description="From when guests may arrive, in its own time.")


class BookedRoom(Occupants):
    """One room of a confirmed booking."""

    line: Line
    code: Identifier = Field(description="The reservation code, e.g. HR26181.")
    room: RoomNumber
    type: Text
    type_label: Text
    extra_beds: Headcount = 0
    amount: Amount


class MissedRoom(Part):
    """A room of a best-effort booking that is not available."""

    line: Line
    type: Text
    reason: Text
    text: Text


class Outcome(Part):
    """The fields of every outcome."""

    booking_id: UUID
    request_id: Text
    property: PropertyFacts
    language: Language
    guest: Guest | None = None
    contact: Contact = Contact()
    check_in: Day | None = None
    check_out: Day | None = None
    text: Text = Field(description="Ready for the guest, in the request's language.")
    manage_url: Text | None = Field(default=None, description="Signed link by which the guest manages the booking.")
    cancellation_policy: Text | None = Field(default=None, description="The policy's sentence, in that language.")
    at: Moment


class BookingConfirmed(
    Message, Outcome, type="posada.booking.confirmed.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """All rooms are booked, or under best effort those that are available, and the money is captured."""

    check_in: Day
    check_out: Day
    package: Text
    rooms: tuple[BookedRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    number_of_rooms: Count
    missed: tuple[MissedRoom, ...] = Field(default=(), max_length=MOST_ROOMS)
    total: Amount
    currency: Currency
    payment_found_later: bool = False
    instructions: Text | None = None


class BookingRefused(Message, Outcome, type="posada.booking.refused.v1", topic=topics.BOOKING_EVENTS, key="booking_id"):
    """Nothing is booked and nothing charged: a rule or a service refused it."""

    refusal: RefusalDetails


class BookingFailed(Message, Outcome, type="posada.booking.failed.v1", topic=topics.BOOKING_EVENTS, key="booking_id"):
    """Nothing is booked and nothing charged: the booking could not be completed."""

    refusal: RefusalDetails


class PaymentSearchStarted(
    Message,
    Outcome,
    type="posada.booking.payment-search-started.v1",
    topic=topics.BOOKING_EVENTS,
    key="booking_id",
):
    """The payment has not arrived yet and is searched for. This is not an outcome.

    The rooms stay held, unless `rooms_kept` is false: then rooms are held again when the money is found.
    """

    stage: Number
    next_attempt_at: Moment
    rooms_kept: bool = True


class RequestInvalid(
    Message, type="posada.booking.request-invalid.v1", topic=topics.internal("booking"), key="booking_id"
):
    """An invalid request, with its ids and its problems; booking sends it to itself."""

    booking_id: UUID
    request_id: Text
    property_id: Text = ""
    language: Language = Language.SPANISH
    refusal: RefusalDetails


class SagaDue(Message, type="posada.booking.saga-due.v1", topic=topics.internal("booking"), key="booking_id"):
    """A timer of booking: a saga's step has timed out."""

    booking_id: UUID
