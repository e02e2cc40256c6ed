"""How far a saga is: its phase, its verdict, what it waits for, and its course so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class Phase(StrEnum):
    """Where a saga is: on its way to the pivot, undoing, finishing behind the pivot, or at its end."""

    RUNNING = "running"
    UNDOING = "undoing"
    FINISHING = "finishing"
    ENDED = "ended"


class Verdict(StrEnum):
    """What was decided, once and for all."""

    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a saga's course."""

    step: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a saga is. `pending` names the steps whose answer it waits for; `wake_at` is when it waits no longer.

    A plain dataclass, for every turn of every saga makes a new one.
    """

    phase: Phase = Phase.RUNNING
    verdict: Verdict = Verdict.OPEN
    reason: str = ""
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    decided_at: datetime | None = None
    at_step: int = 0
    pending: tuple[str, ...] = ()
    attempt: int = 1
    wake_at: datetime | None = None
    course: tuple[HistoryEntry, ...] = ()

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Progress:
        """The progress in a column."""
        return _FROM_JSON.validate_python(kept)

    def marked(self, step: str, what: str, at: datetime, **changes: Any) -> Progress:
        """The progress with one more line in its course."""
        return replace(self, course=(*self.course, HistoryEntry(step, what, at)), **changes)


_FROM_JSON = TypeAdapter(Progress)
