"""What booking publishes of a request: the steps on the way, and the one outcome."""

from __future__ import annotations

from datetime import time
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.booking.requests import Guest
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Day,
    Details,
    Headcount,
    Identifier,
    Language,
    Line,
    Moment,
    Number,
    Occupants,
    Part,
    RefusalDetails,
    RoomNumber,
    Text,
    Zone,
)
from shared.contracts.contact import Contact
from shared.contracts.questions import IgnoredNames
from shared.messages.message import Message

# Those before the outcome; what follows it can wait a moment.
URGENT_STEPS = ("accepted", "rooms_held", "payment_reserved", "rooms_held_again", "rooms_ordered")
STEPS = (*URGENT_STEPS, "rooms_booked", "payment_captured", "guest_notified", "conversation_linked")


class BookingProgressed(
    Message,
    type="posada.booking.progressed.v1",
    topic=topics.BOOKING_PROGRESS,
    key="booking_id",
    durable=False,
):
    """A step on the way, so that a gateway can show progress; one that follows the outcome is not urgent."""

    booking_id: UUID
    request_id: Text
    step: Text = Field(description=", ".join(STEPS))
    at: Moment
    details: Details = Field(default_factory=dict)

    @property
    def is_urgent(self) -> bool:
        """Whether it may come before the outcome."""
        return self.step in URGENT_STEPS


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
    ignored: IgnoredNames = None
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


class SagaDue(Message, type="posada.booking.saga-due.v1", topic=topics.internal("booking"), key="booking_id"):
    """A timer of booking: a saga's step has timed out."""

    booking_id: UUID
