"""A gateway's request for a booking."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID, uuid5

from pydantic import EmailStr, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.contracts import legacy_aliases, topics
from shared.contracts.booking.flat_form import with_flat_form
from shared.contracts.common import (
    Amount,
    Day,
    Headcount,
    Identifier,
    Language,
    LanguageTag,
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
from shared.contracts.contact import Contact, RequestingContact, caller_of
from shared.contracts.forms import one_of
from shared.contracts.questions import Ignored, Question
from shared.messages.attributed import Attributed
from shared.messages.incoming import Incoming
from shared.messages.message import Message

PAYMENT_ID: Final = "payment.payment_id"  # how a request names the field
_BOOKINGS = UUID("6f1d4a3e-3c39-4c52-9d3c-0b7a1e1f2a55")


@lru_cache(maxsize=4096)  # one request asks several times
def booking_id_of(request_id: str) -> UUID:
    """The id of the booking that a request becomes; the same each time the request is read."""
    return uuid5(_BOOKINGS, request_id)


class Guest(Part):
    """Who books."""

    name: Name
    email: Annotated[Text, Field(max_length=254)]
    phone: Identifier | None = None
    city: Name | None = None
    document: Identifier | None = Field(default=None, description="DUI or passport.")
    nationality: Name | None = None


class RequestingGuest(Incoming, Guest):
    """Who books, with a valid e-mail address; it is checked once, when the request arrives."""

    older_names: ClassVar = legacy_aliases.GUEST
    names_checked: ClassVar = True

    email: EmailStr


class RequestedRoom(Incoming, Occupants):
    """One room of a request: its type as label or key, and who sleeps in it."""

    older_names: ClassVar = legacy_aliases.ROOM
    names_checked: ClassVar = True

    type: Identifier
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class RequestedPayment(Incoming, Part):
    """What the guest says was paid for all rooms, and the evidence of it."""

    older_names: ClassVar = legacy_aliases.PAYMENT
    names_checked: ClassVar = True

    method: Annotated[PaymentMethod, one_of(PaymentMethod, legacy_aliases.METHODS)]
    amount: Amount
    payment_id: Identifier | None = Field(
        None, description="The payment that a verification named to this gateway for this guest."
    )
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
    ignored: Ignored = ()


class BookingRequested(
    Question,
    Attributed,
    RequestFacts,
    type="posada.booking.requested.v1",
    topic=topics.BOOKING_REQUESTS,
    key="request_id",
):
    """One request for one or more rooms, paid with one payment.

    `request_id` is the gateway's: a repeated id gets the first outcome and books nothing. Older names of fields and the
    flat form for one room are accepted.
    """

    older_names: ClassVar = legacy_aliases.REQUEST
    names_checked: ClassVar = True
    parts: ClassVar = {
        "guest": RequestingGuest,
        "payment": RequestedPayment,
        "contact": RequestingContact,
        "rooms": RequestedRoom,
    }
    # Where a list of rooms makes the flat fields of a single room superfluous, they are no mistake.
    also_known: ClassVar = frozenset(legacy_aliases.FLAT_ROOM)

    guest: RequestingGuest
    contact: RequestingContact = RequestingContact()
    language: LanguageTag = Language.SPANISH

    @property
    def correlation(self) -> str:
        """The booking that the request becomes."""
        return str(booking_id_of(self.request_id))

    @property
    def booking(self) -> str:
        """The booking that the request becomes."""
        return self.correlation

    @property
    def caller(self) -> str | None:
        """To whom a payment may have been named: who sent the request, with the guest's contact."""
        return caller_of(self.sender, self.contact)

    def facts(self) -> RequestFacts:
        """The facts as they are stored, without further validation.

        A payment's id that cannot have been named to anybody is told back as ignored: money is found by the evidence.
        """
        facts = {name: getattr(self, name) for name in RequestFacts.model_fields}
        if self.payment.payment_id and self.caller is None:
            facts["ignored"] = (*self.ignored, PAYMENT_ID)
        return RequestFacts.model_construct(**facts)

    @model_validator(mode="before")
    @classmethod
    def _accept_flat_form(cls, given: Any) -> Any:
        return legacy_aliases.normalize(given)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of today's form, of the flat one, and of mixtures of both."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        with_flat_form(handler.resolve_ref_schema(schema), handler.resolve_ref_schema)
        return schema


class RequestInvalid(
    Message, type="posada.booking.request-invalid.v1", topic=topics.internal("booking"), key="booking_id"
):
    """An invalid request, with its ids and its problems; booking sends it to itself."""

    booking_id: UUID
    request_id: Text
    property_id: Text = ""
    language: Language = Language.SPANISH
    refusal: RefusalDetails
