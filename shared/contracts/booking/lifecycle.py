"""Booking's events after the outcome: changed, cancelled, checked in, checked out, no-show."""

from __future__ import annotations

from pydantic import Field

from shared.contracts import topics
from shared.contracts.booking import BookedRoom, Outcome
from shared.contracts.common import MOST_ROOMS, Amount, Count, Currency, Day, Identifier, Name, Number, Text
from shared.messages.message import Message

MOST_SESSIONS = 1000


class BookingModified(
    Message, Outcome, type="posada.booking.modified.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """The booking after a change. `revision` counts its changes from 1; `text` says what changed."""

    revision: Number
    check_in: Day
    check_out: Day
    package: Name
    rooms: tuple[BookedRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    total: Amount
    currency: Currency


class CancellationDecided(
    Message, Outcome, type="posada.booking.cancellation-decided.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """The booking is cancelled; BookingCancelled follows with fee and refund once payments has settled them."""


class BookingCancelled(
    Message, Outcome, type="posada.booking.cancelled.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """The booking is cancelled, with fee and refund; `rule` is the sentence of the policy that sets the fee."""

    reservation_codes: tuple[Identifier, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    fee: Amount
    refund: Amount
    currency: Currency
    rule: Text = ""


class GuestCheckedIn(
    Message, Outcome, type="posada.booking.guest-checked-in.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """Guests have arrived; `reservation_codes` are the stays that were checked in now, which may not be all."""

    reservation_codes: tuple[Identifier, ...] = Field(min_length=1, max_length=MOST_ROOMS)


class GuestCheckedOut(
    Message, Outcome, type="posada.booking.guest-checked-out.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """Guests have left these stays; `last` says that it was the booking's last. `left_on` is the property's date."""

    reservation_codes: tuple[Identifier, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    left_on: Day
    last: bool = True
    total: Amount | None = None
    balance: Amount | None = None
    currency: Currency = "USD"


class GuestNotShown(
    Message, Outcome, type="posada.booking.guest-not-shown.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """The guests did not arrive (a no-show)."""


class PaymentEscalated(
    Message, Outcome, type="posada.booking.payment-escalated.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """The payment was not found in time, and staff have the case."""


class NextSessionDue(
    Message, Outcome, type="posada.booking.next-session-due.v1", topic=topics.BOOKING_EVENTS, key="booking_id"
):
    """A session of a course is done and the customer may choose the next: `number` of `sessions`; local dates."""

    group_id: Identifier
    service: Name
    completed: Number
    number: int = Field(ge=2, le=MOST_SESSIONS)
    sessions: int = Field(ge=2, le=MOST_SESSIONS)
    booked: Count
    remaining: Count
    earliest_on: Day | None = None
    recommended_on: Day | None = None
