"""The confirmed bookings of a batch, what becomes of them, and what the staff's commands were answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.booking.record import Action, Booking, Entry, changes_between
from shared.contracts.booking.staff import StaffCommand
from shared.errors import Refusal
from shared.messages.message import digest_of

SYSTEM = "system"


class State(StrEnum):
    """What came of a command: under way, done, or refused for good."""

    UNDER_WAY = "under_way"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the staff was answered to one command: a row of `commands`. `id` is the command's."""

    id: UUID
    booking_id: UUID
    type: str
    digest: UUID
    state: State
    at: datetime
    refusal: Mapping[str, Any] | None = None


@dataclass
class LifecycleBatch:
    """What a batch sees of confirmed bookings; what a handler changes here, the store writes.

    `versions` are those of the bookings as they were read, `answers_before` the commands that had an answer: both are
    the store's own.
    """

    bookings: dict[UUID, Booking] = field(default_factory=dict)
    versions: dict[UUID, str] = field(default_factory=dict)
    answers: dict[UUID, Answer] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    answered: set[UUID] = field(default_factory=set)
    answers_before: frozenset[UUID] = frozenset()
    entries: list[Entry] = field(default_factory=list)
    changes_made: int = 0

    def alter(self, booking: Booking, action: Action, who: str, now: datetime, reason: str | None = None) -> None:
        """Change a booking, with one line in the audit log."""
        changes = changes_between(self.bookings[booking.id], booking)
        self.keep(booking)
        self.entries.append(Entry(booking.id, now, who, action, changes, reason))

    def keep(self, booking: Booking) -> None:
        """Change what the audit log does not tell of a booking, such as which saga is under way."""
        self.bookings[booking.id] = booking
        self.changed.add(booking.id)
        self.changes_made += 1

    def record_folio(self, booking: Booking, now: datetime) -> None:
        """Take what payments said of a booking; the audit log has it only if that changes something."""
        known = self.bookings[booking.id]
        if changes_between(known, booking):
            self.alter(booking, Action.UPDATE, SYSTEM, now)
        elif booking is not known:
            self.keep(booking)

    def answer(self, command: StaffCommand, state: State, now: datetime, refusal: Refusal | None = None) -> None:
        """Note what came of a command."""
        kind, digest = type(command).__name__, digest_of_command(command)
        self._note(Answer(command.command_id, command.booking_id, kind, digest, state, now, _facts(refusal)))

    def conclude(self, command_id: UUID, state: State, refusal: Refusal | None = None) -> None:
        """Note what came of a command that was under way."""
        self._note(replace(self.answers[command_id], state=state, refusal=_facts(refusal)))

    def _note(self, answer: Answer) -> None:
        self.answers[answer.id] = answer
        self.answered.add(answer.id)


def _facts(refusal: Refusal | None) -> Mapping[str, Any] | None:
    return {"code": refusal.code, "text": refusal.text, "details": refusal.details} if refusal else None


def digest_of_command(command: StaffCommand) -> UUID:
    """A digest of all that a command asks for, without who asks: another command under the same id has another one."""
    return digest_of(type(command).__name__, command.model_dump_json(exclude={"who", "leeway"}))
