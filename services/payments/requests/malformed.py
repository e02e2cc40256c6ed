"""Makes an answerable message of a question about a payment that does not fit its model."""

from __future__ import annotations

from shared.contracts.answerable import answerable
from shared.contracts.payments import VerificationInvalid, VerifyPayment
from shared.messages.inbound import Invalid
from shared.messages.message import Message


def read_invalid(invalid: Invalid) -> Message | None:
    """The message with which a malformed question is answered; None where it has no usable id."""
    return answerable(invalid, VerificationInvalid) if invalid.type_name == VerifyPayment.type_name else None
