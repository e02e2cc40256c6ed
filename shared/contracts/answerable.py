"""Makes a message that can be answered out of a request that does not fit its model, under the id that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from shared.contracts.common import Language, Reason, RefusalDetails, language_of
from shared.messages.inbound import Invalid
from shared.messages.message import Message

MOST_PROBLEMS = 20

M = TypeVar("M", bound=Message)


def answerable(invalid: Invalid, kind: type[M]) -> M | None:
    """A message of `kind`, which has a request_id, a language and an error.

    Without a usable request_id it is answered under its CloudEvents source and id, as one that fits would be.
    """
    given = invalid.given if isinstance(invalid.given, dict) else {}
    facts = {"language": language_in(given), "error": error_of(invalid)}
    for request_id in (id_in(given), invalid.reference):
        try:
            return kind(request_id=request_id, **facts)
        except ValidationError:
            continue
    return None


def error_of(invalid: Invalid) -> RefusalDetails:
    """What is wrong with a message, each field with its problem."""
    problems = list(invalid.problems[:MOST_PROBLEMS])
    details = {"field": problems[0]["field"], "problems": problems}
    return RefusalDetails(reason=Reason.INVALID_REQUEST, text=invalid.text[:2000], details=details)


def id_in(given: Mapping[str, Any]) -> str:
    """The request's id, which may be a number; empty where there is none."""
    found = given.get("request_id")
    return str(found) if isinstance(found, str | int | float) and found else ""


def language_in(given: Mapping[str, Any]) -> Language:
    """The language that is asked for, else Spanish."""
    return language_of(given.get("language")) or Language.SPANISH
