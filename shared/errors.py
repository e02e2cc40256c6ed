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


def described(fault: BaseException) -> str:
    """A fault for logs and histories: its kind and first line, without the row that a database error quotes."""
    first_line = str(fault).partition("\n")[0]
    return f"{type(fault).__name__}: {first_line[:300]}" if first_line else type(fault).__name__
