"""Makes an answerable message of a request that does not fit its model."""

from __future__ import annotations

from typing import Any

from shared.contracts.booking import BookingRequested, RequestInvalid, booking_id_of
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.messages import Message
from shared.routes import Invalid

MOST_PROBLEMS = 20
LONGEST_ID = 100


def read_invalid(invalid: Invalid) -> Message | None:
    """What can be told to whoever sent a booking request; None for any other message."""
    if invalid.type_name != BookingRequested.type_name:
        return None
    given = invalid.given if isinstance(invalid.given, dict) else {}
    request_id = _id(given.get("request_id")) or invalid.reference[:LONGEST_ID]
    return RequestInvalid(
        booking_id=booking_id_of(request_id),
        request_id=request_id,
        property_id=_text(given.get("property_id")),
        language=Language.ENGLISH if given.get("language") == "en" else Language.SPANISH,
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


def _id(given: Any) -> str:
    """The id as far as there is one: a number counts, a list or an object names nobody."""
    return _text(str(given)) if isinstance(given, int | float) else _text(given)


def _text(given: Any) -> str:
    return given[:LONGEST_ID].replace("\0", "") if isinstance(given, str) else ""
