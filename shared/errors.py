"""The ways in which work can end badly: a refusal is an expected answer, a fault is anything else."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import Any

from shared.safety.masking import without_links


class Refusal(Exception):
    """An expected "no", which becomes a message.

    `code` is for machines, `text` for people (it names the field and the remedy if there is one), `details` are JSON
    values.
    """

    def __init__(self, code: str, text: str, **details: Any) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.details = details


class Conflict(Exception):
    """Another writer was first: the work must be done again with the current state."""


class CallFailed(Exception):
    """An external system did not do what it was asked; `problem` says why, without anybody's address or words.

    `final`: asking again gets the same answer. `retry_after` is the pause that it asks for. `unsure`: it may have done
    it all the same, its answer was lost. `window_closed`: a chat's window is over, it wants a template.
    """

    def __init__(
        self,
        problem: str,
        *,
        final: bool = False,
        retry_after: timedelta | None = None,
        unsure: bool = False,
        window_closed: bool = False,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.final = final
        self.retry_after = retry_after
        self.unsure = unsure
        self.window_closed = window_closed


class TablesBusy(Exception):
    """A database cannot be migrated because others lock its tables; the text says who, and what to do."""


_MOST_CAUSES = 5
# SQLSTATE classes whose texts are about servers, roles and databases, never about a row.
_OF_THE_SERVER = ("08", "28", "3D", "53", "57")


def described(fault: BaseException) -> str:
    """A fault for logs and histories: its type and first line, without values that a database error quotes, and with
    URLs cut to their hosts.
    """
    if type(fault).__module__.startswith("asyncpg.") and not _speaks_of_the_server(fault):
        named = (getattr(fault, "sqlstate", None), getattr(fault, "constraint_name", None))
        return " ".join([f"{type(fault).__name__}:", *filter(None, named)]).rstrip(":")
    first_line = without_links(str(fault).partition("\n")[0])
    return f"{type(fault).__name__}: {first_line[:300]}" if first_line else type(fault).__name__


def _speaks_of_the_server(fault: BaseException) -> bool:
    return str(getattr(fault, "sqlstate", None) or "").startswith(_OF_THE_SERVER)


def traced(fault: BaseException) -> str:
    """A fault with its traceback and causes, each described: their own texts may quote anything."""
    parts: list[str] = []
    one: BaseException | None = fault
    while one is not None and len(parts) < _MOST_CAUSES:
        parts.append("".join([*traceback.format_tb(one.__traceback__), described(one)]))
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\nafter that:\n".join(reversed(parts))


def place_of(fault: BaseException) -> str:
    """Where a fault came from, without its words: they may quote an address."""
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"
