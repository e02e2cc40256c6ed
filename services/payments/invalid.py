"""Makes an answerable message of a question about a payment that does not fit its model."""

from __future__ import annotations

from pydantic import ValidationError

from shared.contracts.common import Language, Reason, RefusalDetails
from shared.contracts.payments import VerificationInvalid, VerifyPayment
from shared.messages import Message
from shared.routes import Invalid

MOST_PROBLEMS = 20


def read_invalid(invalid: Invalid) -> Message | None:
    """What can be told to whoever asked; None where nobody could know the answer for theirs."""
    if invalid.type_name != VerifyPayment.type_name or not isinstance(invalid.given, dict):
        return None
    problems = list(invalid.problems[:MOST_PROBLEMS])
    details = {"field": problems[0]["field"], "problems": problems}
    try:
        return VerificationInvalid(
            request_id=str(invalid.given.get("request_id") or ""),
            language=Language.ENGLISH if invalid.given.get("language") == "en" else Language.SPANISH,
            error=RefusalDetails(reason=Reason.INVALID_REQUEST, text=invalid.text[:2000], details=details),
        )
    except ValidationError:  # no id that an answer could carry
        return None
