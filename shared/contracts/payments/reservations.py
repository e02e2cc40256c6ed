"""Payments' messages about a booking's money: reserved, awaited, captured, released."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Day,
    Identifier,
    Moment,
    Name,
    Number,
    Part,
    PaymentMethod,
    RefusalDetails,
    Text,
)
from shared.messages.message import Message


class Evidence(Part):
    """What the guest showed: a slip's date and amount, or a card's authorisation number.

    With `payment_id` exactly that payment is meant, if a verification named it to `named_to`; else the rest decides.
    """

    method: PaymentMethod
    slip_date: Day | None = None
    slip_amount: Amount | None = None
    authorization_number: Identifier | None = None
    payer: Name | None = None
    reference: Identifier | None = None
    payment_id: Identifier | None = None
    named_to: Identifier | None = None


class ReservePayment(
    Message, type="posada.payments.reserve-payment.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id"
):
    """Find the money and set the whole amount aside for a booking."""

    booking_id: UUID
    property_id: Identifier
    amount: Amount
    currency: Currency
    evidence: Evidence


class PaymentReserved(
    Message, type="posada.payments.payment-reserved.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The amount is set aside. `found_later` says that it had to be waited for."""

    booking_id: UUID
    payment_id: Identifier
    amount: Amount
    found_later: bool = False


class PaymentAwaited(
    Message, type="posada.payments.payment-awaited.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The money has not arrived; it is looked for again.

    `opens_stage` is true for the first message of a stage, of which the guest is notified; `keep_until` is how long the
    booking should wait, and its rooms stay held unless `keep_rooms` is false: then the property wants them freed, to be
    held again when the money is found. `escalated` says that nobody looks any longer: the staff has the case.
    """

    booking_id: UUID
    stage: Number
    attempt: Number
    next_attempt_at: Moment
    keep_until: Moment
    keep_rooms: bool = True
    opens_stage: bool = False
    escalated: bool = False


class PaymentRefused(
    Message, type="posada.payments.payment-refused.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """Nothing is set aside, and why."""

    booking_id: UUID
    refusal: RefusalDetails


class CapturePayment(
    Message, type="posada.payments.capture-payment.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id", urgent=False
):
    """Take the reserved money and write all reservation codes on it in one update.

    Where less was booked than the money was reserved for, `amount` is what it costs, and the rest is given back.
    """

    booking_id: UUID
    codes: tuple[Text, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    amount: Amount | None = Field(None, gt=0)


class PaymentCaptured(
    Message, type="posada.payments.payment-captured.v1", topic=topics.BOOKING_REPLIES, key="booking_id", urgent=False
):
    """The money is taken."""

    booking_id: UUID
    payment_id: Identifier
    amount: Amount


class ReleasePayment(
    Message, type="posada.payments.release-payment.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id"
):
    """Give back whatever is reserved and stop looking; a reservation that comes later is refused."""

    booking_id: UUID


class PaymentReleased(
    Message, type="posada.payments.payment-released.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """Nothing is reserved for the booking; `amount` is what this release gave back."""

    booking_id: UUID
    amount: Amount


class SearchDue(Message, type="posada.payments.search-due.v1", topic=topics.internal("payments"), key="booking_id"):
    """Payments' own clock: time to look for the money again."""

    booking_id: UUID
    stage: Number
    attempt: Count


class StaffDue(Message, type="posada.payments.staff-due.v1", topic=topics.internal("payments"), key="booking_id"):
    """Payments' own clock: the staff has had its time with a case."""

    booking_id: UUID
