"""Makes an answerable message of a request that does not fit its model."""

from __future__ import annotations

from typing import Any

from shared.contracts.answerable import MOST_PROBLEMS, id_in, language_in
from shared.contracts.booking import BookingRequested, RequestInvalid, booking_id_of
from shared.contracts.common import Reason, RefusalDetails
from shared.messages.inbound import Invalid
from shared.messages.message import Message

LONGEST_ID = 100


def read_invalid(invalid: Invalid) -> Message | None:
    """The message with which a malformed booking request is answered; None for any other message."""
    if invalid.answered_as != BookingRequested.type_name:
        return None
    given = invalid.given if isinstance(invalid.given, dict) else {}
    request_id = _text(id_in(given) or invalid.reference)
    return RequestInvalid(
        booking_id=booking_id_of(request_id),
        request_id=request_id,
        property_id=_text(given.get("property_id")),
        language=language_in(given),
        refusal=RefusalDetails(
            reason=_reason(invalid),
            text=invalid.text[:2000],
            details={"problems": list(invalid.problems[:MOST_PROBLEMS])},
        ),
    )


def _reason(invalid: Invalid) -> Reason:
    """A payment that is left out whole is named as such; anything else is an invalid request."""
    fields = {problem["field"] for problem in invalid.problems}
    return Reason.PAYMENT_MISSING if fields == {"payment"} else Reason.INVALID_REQUEST


def _text(given: Any) -> str:
    return given[:LONGEST_ID].replace("\0", "") if isinstance(given, str) else ""
