"""What can be said to whoever asked something that does not fit its model, where the answer can carry their id."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from shared.contracts.common import Language, Reason, RefusalDetails
from shared.messages import Message
from shared.routes import Invalid

MOST_PROBLEMS = 20

M = TypeVar("M", bound=Message)


def answerable(invalid: Invalid, kind: type[M]) -> M | None:
    """A message of `kind`, which has a request_id, a language and an error; None where no answer could name the id."""
    if not isinstance(invalid.given, dict):
        return None
    problems = list(invalid.problems[:MOST_PROBLEMS])
    details = {"field": problems[0]["field"], "problems": problems}
    error = RefusalDetails(reason=Reason.INVALID_REQUEST, text=invalid.text[:2000], details=details)
    try:
        return kind(
            request_id=_id(invalid.given.get("request_id")),
            language=Language.ENGLISH if invalid.given.get("language") == "en" else Language.SPANISH,
            error=error,
        )
    except ValidationError:
        return None


def _id(given: Any) -> str:
    """The id as far as there is one: a number counts, a list or an object names nobody."""
    return str(given) if isinstance(given, str | int | float) and given else ""
