"""Payments' messages: money that arrived, and what the saga asks to be done with it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, Self
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.contracts import topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Day,
    Describing,
    DescribingName,
    Identifier,
    Language,
    Moment,
    Name,
    Number,
    Part,
    PaymentMethod,
    RefusalDetails,
    Text,
)
from shared.messages.message import Message

MOST_CODES = 1000  # of one payment in one answer
# What the desk took and what an online gateway paid is recorded under ids that others could reckon.
OWN_SOURCES: Final = frozenset({"desk", "stripe"})
FROM_KAFKA: Final = "kafka"


class Verification(StrEnum):
    """What came of looking for a payment."""

    FOUND = "found"
    NOT_YET = "not_yet"
    TOO_LITTLE = "too_little"
    USED = "used"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    INVALID = "invalid"


class Evidence(Part):
    """What the guest showed: a slip's date and amount, or a card's authorisation number."""

    method: PaymentMethod
    slip_date: Day | None = None
    slip_amount: Amount | None = None
    authorization_number: Identifier | None = None
    payer: Name | None = None
    reference: Identifier | None = None


class TransferArrived(
    Message,
    type="posada.payments.transfer-arrived.v1",
    topic=topics.PAYMENTS_TRANSFERS,
    key="transfer_id",
    signed=True,
    speaker="source",
):
    """One line of a bank's or card provider's feed. `source` and `transfer_id` together are unique.

    What only describes the money never keeps it out: text of any length and form is made fit.
    """

    transfer_id: Identifier
    source: Identifier = "kafka"
    property_id: Identifier | None = None
    method: PaymentMethod = PaymentMethod.BANK_TRANSFER
    amount: Amount = Field(gt=0)
    currency: Currency = "USD"
    posted_on: Day
    payer: DescribingName = None
    reference: Describing = None
    authorization_number: Describing = None

    @classmethod
    def from_wire(cls, body: bytes, reference: str) -> Self:
        """Read one that came over Kafka, where nobody speaks for what only Posada itself records.

        Raises:
            pydantic.ValidationError: naming every field that does not fit.
        """
        del reference
        return cls.model_validate_json(body, context=FROM_KAFKA)

    @field_validator("source")
    @classmethod
    def _not_ours(cls, source: str, info: ValidationInfo) -> str:
        if info.context == FROM_KAFKA and source.casefold() in OWN_SOURCES:
            raise PydanticCustomError("own_source", "is a name that Posada keeps for itself: take another one")
        return source


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

    `opens_stage` is true for the first message of a stage, which the guest hears of; `keep_until` is how long the
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
    Message, type="posada.payments.capture-payment.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id", hurry=False
):
    """Take the reserved money and write all reservation codes on it in one update.

    Where less was booked than the money was reserved for, `amount` is what it costs, and the rest is given back.
    """

    booking_id: UUID
    codes: tuple[Text, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    amount: Amount | None = Field(None, gt=0)


class PaymentCaptured(
    Message, type="posada.payments.payment-captured.v1", topic=topics.BOOKING_REPLIES, key="booking_id", hurry=False
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


class RepriceBooking(
    Message, type="posada.payments.reprice-booking.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id"
):
    """What a booking costs from now on: `total` for its rooms, and `fee`, which is charged once for this change.

    With `refunds` whatever was paid and kept beyond total and fee is given back, from the payments that paid it.
    `change` numbers what is asked for a booking: the same again is answered alike.
    """

    booking_id: UUID
    change: Number
    total: Amount
    fee: Amount
    currency: Currency
    refunds: bool = False
    who: Name
    reason: Text


class BookingRepriced(
    Message, type="posada.payments.booking-repriced.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """What was paid and kept for the booking once `refund` had been given back."""

    booking_id: UUID
    change: Number
    paid: Amount
    refund: Amount
    at: Moment


class FolioChanged(
    Message, type="posada.payments.folio-changed.v1", topic=topics.BOOKING_REPLIES, key="booking_id", hurry=False
):
    """What was paid and kept for a booking, and what it costs beside its rooms, since the staff changed one of them.

    The newest counts, by `at`; `charges` leave out the fees that booking itself asked for.
    """

    booking_id: UUID
    paid: Amount
    charges: Amount
    at: Moment


class MarkFrustrated(
    Message, type="posada.payments.mark-frustrated.v1", topic=topics.PAYMENTS_REQUESTS, key="booking_id", signed=True
):
    """The guest has lost patience: whoever waits for money of this booking is escalated at once."""

    booking_id: UUID
    staff: Name | None = Field(None, description="Who says so, where a member of the staff does.")
    reason: Text | None = Field(None, description="For the staff; the guest never reads it.")


class WithdrawPayment(
    Message, type="posada.payments.withdraw-payment.v1", topic=topics.PAYMENTS_REQUESTS, key="booking_id", signed=True
):
    """The guest or the staff gives the search up: the retries end and the booking's holds are released."""

    booking_id: UUID
    staff: Name | None = Field(None, description="Who says so, where a member of the staff does.")
    reason: Text | None = Field(None, description="For the staff; the guest never reads it.")


class VerifyPayment(
    Message, type="posada.payments.verify-payment.v1", topic=topics.PAYMENTS_REQUESTS, key="request_id"
):
    """Asks whether a payment is there, by a slip or by a card's authorisation number; it reserves nothing.

    Without a booking's amount any money that is left will do for a card, and the slip's own amount for a slip.
    """

    request_id: Identifier
    property_id: Identifier | None = None
    slip_date: Day | None = None
    slip_amount: Amount | None = None
    booking_amount: Amount | None = None
    authorization_number: Identifier | None = None
    payer: Name | None = None
    reference: Identifier | None = None
    currency: Currency = "USD"
    language: Language = Language.SPANISH


class PaymentVerified(
    Message, type="posada.payments.payment-verified.v1", topic=topics.PAYMENTS_ANSWERS, key="request_id"
):
    """Whether a payment is there; `message` is ready for the guest.

    `result` is found, not_yet, too_little, used, ambiguous, missing where the question names too little, or invalid
    where it could not be read: then `error` names the field and the remedy.
    """

    request_id: Identifier
    result: Verification
    payment_id: Identifier | None = None
    left: Amount | None = None
    difference: Amount | None = None
    codes: tuple[Text, ...] = Field((), max_length=MOST_CODES)
    codes_text: Text | None = None
    used_on: Day | None = None
    missing: tuple[Text, ...] = Field((), max_length=3)
    message: Text
    error: RefusalDetails | None = None


class RequestRefused(
    Message, type="posada.payments.request-refused.v1", topic=topics.PAYMENTS_ANSWERS, key="booking_id"
):
    """What a gateway asked about a booking's money, a withdrawal or a mark of frustration, is not done, and why."""

    booking_id: UUID
    asked: Literal["withdrawal", "frustration"]
    refusal: RefusalDetails


class VerificationInvalid(
    Message, type="posada.payments.verification-invalid.v1", topic=topics.internal("payments"), key="request_id"
):
    """What could be read of a question about a payment that does not fit its model; payments makes it for itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class SearchDue(Message, type="posada.payments.search-due.v1", topic=topics.internal("payments"), key="booking_id"):
    """Payments' own clock: time to look for the money again."""

    booking_id: UUID
    stage: Number
    attempt: Count


class StaffDue(Message, type="posada.payments.staff-due.v1", topic=topics.internal("payments"), key="booking_id"):
    """Payments' own clock: the staff has had its time with a case."""

    booking_id: UUID
