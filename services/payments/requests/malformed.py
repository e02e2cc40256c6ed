"""Makes an answerable message of a question or a request about a payment that does not fit its model."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from shared.contracts.answerable import answerable, error_of
from shared.contracts.payments import (
    Asked,
    MarkFrustrated,
    SearchRequestInvalid,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.messages.inbound import Invalid
from shared.messages.message import Message

_ASKED: Final[dict[str, Asked]] = {WithdrawPayment.type_name: "withdrawal", MarkFrustrated.type_name: "frustration"}
_ID: Final = TypeAdapter(UUID)


def read_invalid(invalid: Invalid) -> Message | None:
    """What can be told to whoever asked; None where nobody could know the answer for theirs."""
    if asked := _ASKED.get(invalid.answered_as):
        return _request_invalid(invalid, asked)
    return answerable(invalid, VerificationInvalid) if invalid.answered_as == VerifyPayment.type_name else None


def _request_invalid(invalid: Invalid, asked: Asked) -> Message | None:
    named = invalid.given.get("booking_id") if isinstance(invalid.given, dict) else None
    try:
        return SearchRequestInvalid(booking_id=_ID.validate_python(named), asked=asked, error=error_of(invalid))
    except ValidationError:
        return None
