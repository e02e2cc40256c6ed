"""Gateways' questions about payments, what they ask about a search, and the answers."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts import legacy_aliases, topics
from shared.contracts.common import Amount, Currency, Day, Identifier, Language, LanguageTag, Name, RefusalDetails, Text
from shared.contracts.contact import RequestingContact, caller_of
from shared.contracts.questions import Ignored, IgnoredNames, Question
from shared.messages.attributed import Attributed
from shared.messages.incoming import Incoming
from shared.messages.message import Message

Asked = Literal["withdrawal", "frustration"]
MOST_CODES = 1000  # of one payment in one answer


class Verification(StrEnum):
    """What came of looking for a payment."""

    FOUND = "found"
    NOT_YET = "not_yet"
    TOO_LITTLE = "too_little"
    USED = "used"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    INVALID = "invalid"


class VerifyPayment(
    Question,
    Attributed,
    type="posada.payments.verify-payment.v1",
    topic=topics.PAYMENTS_REQUESTS,
    key="request_id",
):
    """Asks whether a payment is there, by a slip or by a card's authorisation number; it reserves nothing.

    Without a booking's amount any money that is left will do for a card, and the slip's own amount for a slip. With the
    guest's contact, which the gateway injects, a payment that is found is named to that gateway for this guest: a
    booking request with the same contact may then give its `payment_id`, for as much as was asked about.
    """

    older_names: ClassVar = legacy_aliases.VERIFICATION
    parts: ClassVar = {"contact": RequestingContact}

    request_id: Identifier
    property_id: Identifier | None = None
    slip_date: Day | None = None
    slip_amount: Amount | None = None
    booking_amount: Amount | None = None
    authorization_number: Identifier | None = None
    payer: Name | None = None
    reference: Identifier | None = None
    currency: Currency = "USD"
    language: LanguageTag = Language.SPANISH
    contact: RequestingContact = RequestingContact()
    ignored: Ignored = ()

    @property
    def caller(self) -> str | None:
        """To whom a payment that is found is named; None when the question does not say."""
        return caller_of(self.sender, self.contact)


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
    ignored: IgnoredNames = None


class VerificationInvalid(
    Message, type="posada.payments.verification-invalid.v1", topic=topics.internal("payments"), key="request_id"
):
    """What could be read of a question about a payment that does not fit its model; payments makes it for itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class MarkFrustrated(
    Incoming,
    Message,
    type="posada.payments.mark-frustrated.v1",
    topic=topics.PAYMENTS_REQUESTS,
    key="booking_id",
    signed=True,
):
    """The guest has lost patience: whoever waits for money of this booking is escalated at once."""

    booking_id: UUID
    staff: Name | None = Field(None, description="Who says so, where a member of the staff does.")
    reason: Text | None = Field(None, description="For the staff; the guest never reads it.")


class WithdrawPayment(
    Incoming,
    Message,
    type="posada.payments.withdraw-payment.v1",
    topic=topics.PAYMENTS_REQUESTS,
    key="booking_id",
    signed=True,
):
    """The guest or the staff gives the search up: the retries end and the booking's holds are released."""

    booking_id: UUID
    staff: Name | None = Field(None, description="Who says so, where a member of the staff does.")
    reason: Text | None = Field(None, description="For the staff; the guest never reads it.")


class RequestDone(Message, type="posada.payments.request-done.v1", topic=topics.PAYMENTS_ANSWERS, key="booking_id"):
    """What a gateway or the staff asked about a booking's money, a withdrawal or a mark of frustration, is done.

    `changed` is false where it was so already: the search had ended, or staff had the case.
    """

    booking_id: UUID
    asked: Asked
    changed: bool


class SearchRequestInvalid(
    Message, type="posada.payments.search-request-invalid.v1", topic=topics.internal("payments"), key="booking_id"
):
    """What could be read of a withdrawal or a mark of frustration that does not fit; payments makes it for itself."""

    booking_id: UUID
    asked: Asked
    error: RefusalDetails


class RequestRefused(
    Message, type="posada.payments.request-refused.v1", topic=topics.PAYMENTS_ANSWERS, key="booking_id"
):
    """What a gateway asked about a booking's money, a withdrawal or a mark of frustration, is not done, and why."""

    booking_id: UUID
    asked: Asked
    refusal: RefusalDetails
