"""Makes an answerable message of a count or quote request that does not fit its model."""

from __future__ import annotations

from pydantic import ValidationError

from shared.contracts.availability import CountInvalid, CountRequested, QuoteInvalid, QuoteRequested
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.messages import Message
from shared.routes import Invalid

MOST_PROBLEMS = 20
ANSWERABLE: dict[str, type[CountInvalid | QuoteInvalid]] = {
    CountRequested.type_name: CountInvalid,
    QuoteRequested.type_name: QuoteInvalid,
}


def read_invalid(invalid: Invalid) -> Message | None:
    """What can be told to whoever asked; None where nobody could know the answer for theirs."""
    kind = ANSWERABLE.get(invalid.type_name)
    if kind is None or not isinstance(invalid.given, dict):
        return None
    problems = list(invalid.problems[:MOST_PROBLEMS])
    details = {"field": problems[0]["field"], "problems": problems}
    try:
        return kind(
            request_id=str(invalid.given.get("request_id") or ""),
            language=Language.ENGLISH if invalid.given.get("language") == "en" else Language.SPANISH,
            error=RefusalDetails(reason=Reason.INVALID_REQUEST, text=invalid.text[:2000], details=details),
        )
    except ValidationError:  # no id that an answer could carry
        return None
