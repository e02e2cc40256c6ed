"""The two ways in which work can end badly: a refusal is an expected answer, a fault is anything else."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An expected "no", which becomes a message.

    `code` is for machines, `text` for people (names the field and the remedy where there is one), `details` holds
    figures as JSON values.
    """

    def __init__(self, code: str, text: str, **details: Any) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.details = details


class Conflict(Exception):
    """Another writer was first: run the work again on what is there now."""


class TablesBusy(Exception):
    """A database cannot be migrated while others hold its tables; the message says who, and what to do."""


# SQLSTATE classes whose words are about servers, roles and databases, and never about a row.
_OF_THE_SERVER = ("08", "28", "3D", "53", "57")


def described(fault: BaseException) -> str:
    """A fault for logs and histories: its kind and first line, without the values that a database error quotes."""
    if type(fault).__module__.startswith("asyncpg.") and not _speaks_of_the_server(fault):
        named = (getattr(fault, "sqlstate", None), getattr(fault, "constraint_name", None))
        return " ".join([f"{type(fault).__name__}:", *filter(None, named)]).rstrip(":")
    first_line = str(fault).partition("\n")[0]
    return f"{type(fault).__name__}: {first_line[:300]}" if first_line else type(fault).__name__


def _speaks_of_the_server(fault: BaseException) -> bool:
    return str(getattr(fault, "sqlstate", None) or "").startswith(_OF_THE_SERVER)
