"""Makes a message that can be answered out of a request that does not fit its model, where it names its id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from shared.contracts.common import Language, Reason, RefusalDetails
from shared.messages.inbound import Invalid
from shared.messages.message import Message

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
            request_id=id_in(invalid.given),
            language=language_in(invalid.given),
            error=error,
        )
    except ValidationError:
        return None


def id_in(given: Mapping[str, Any]) -> str:
    """The request's id, which may be a number; empty where there is none."""
    found = given.get("request_id")
    return str(found) if isinstance(found, str | int | float) and found else ""


def language_in(given: Mapping[str, Any]) -> Language:
    """The language that is asked for, else Spanish."""
    return Language.ENGLISH if given.get("language") == "en" else Language.SPANISH
