"""What a batch has in hand of bookings' lives: bookings, the changes under way, and what the staff was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.booking.lifecycle.sagas.cancellation.saga import ENDING, CancellationSaga
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES, DateChangeSaga
from services.booking.record.booking import Action, Booking, changes_between
from shared.contracts.booking.staff import StaffCommand
from shared.errors import Refusal
from shared.messages.message import digest_of
from shared.saga.engine import Transition
from shared.saga.store import SagaRecord, Sagas
from shared.saga.table import SagaTable


class State(StrEnum):
    """What came of a command: under way, done, or refused for good."""

    UNDER_WAY = "under_way"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the staff was answered to one command."""

    command_id: UUID
    booking_id: UUID
    type: str
    digest: UUID
    state: State
    at: datetime
    refusal: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log."""

    booking_id: UUID
    at: datetime
    who: str
    action: Action
    changes: list[dict[str, Any]]
    reason: str | None = None


@dataclass
class LifecycleBatch:
    """The batch's view; what a handler changes here, the store writes.

    `versions` has the version of each booking that was there, `answers_before` the commands: both are the store's own.
    """

    ending: SagaTable[CancellationSaga] = ENDING
    changing: SagaTable[DateChangeSaga] = CHANGE_DATES
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    versions: dict[UUID, str] = field(default_factory=dict)
    answers: dict[UUID, Answer] = field(default_factory=dict)
    endings: Sagas[CancellationSaga] = field(default_factory=lambda: Sagas(ENDING.name, CancellationSaga))
    changes: Sagas[DateChangeSaga] = field(default_factory=lambda: Sagas(CHANGE_DATES.name, DateChangeSaga))
    changed: set[UUID] = field(default_factory=set)
    answered: set[UUID] = field(default_factory=set)
    answers_before: frozenset[UUID] = frozenset()
    entries: list[Entry] = field(default_factory=list)

    def alter(self, booking: Booking, action: Action, who: str, now: datetime, reason: str | None = None) -> None:
        """Take what has become of a booking, and write it into the audit log: one line for what is done at once."""
        changes = changes_between(self.bookings[booking.id], booking)
        self.keep(booking)
        self.entries.append(Entry(booking.id, now, who, action, changes, reason))

    def keep(self, booking: Booking) -> None:
        """Take what is of no interest to the audit log, such as which change is under way."""
        self.bookings[booking.id] = booking
        self.changed.add(booking.id)

    def begin_ending(self, booking: Booking, turn: Transition[CancellationSaga], now: datetime) -> None:
        """An end is under way."""
        saga = self.endings.add(saga_id_of(turn.data.command_id), turn, now)
        self.keep(replace(booking, saga=saga.id, saga_name=ENDING.name, orders=turn.data.order))

    def begin_change(self, booking: Booking, turn: Transition[DateChangeSaga], now: datetime) -> None:
        """A change of dates is under way."""
        saga = self.changes.add(saga_id_of(turn.data.command_id), turn, now)
        self.keep(replace(booking, saga=saga.id, saga_name=CHANGE_DATES.name, orders=turn.data.order))

    def ending_of(self, booking: Booking) -> SagaRecord[CancellationSaga] | None:
        """The end that is under way for a booking."""
        return self.endings.by_id.get(booking.saga) if booking.saga else None

    def change_of(self, booking: Booking) -> SagaRecord[DateChangeSaga] | None:
        """The change of dates that is under way for a booking."""
        return self.changes.by_id.get(booking.saga) if booking.saga else None

    def answer(self, command: StaffCommand, state: State, now: datetime, refusal: Refusal | None = None) -> None:
        """Note what came of a command."""
        told = {"code": refusal.code, "text": refusal.text, "details": refusal.details} if refusal else None
        kind = type(command).__name__
        given = Answer(command.command_id, command.booking_id, kind, digest_of_command(command), state, now, told)
        self._note(given)

    def conclude(self, command_id: UUID, state: State, refusal: Refusal | None = None) -> None:
        """Note what came of a command that was under way."""
        told = {"code": refusal.code, "text": refusal.text, "details": refusal.details} if refusal else None
        self._note(replace(self.answers[command_id], state=state, refusal=told))

    def _note(self, answer: Answer) -> None:
        self.answers[answer.command_id] = answer
        self.answered.add(answer.command_id)


def saga_id_of(command_id: UUID) -> UUID:
    """The saga that a command begins; never a booking's own."""
    return digest_of("saga", command_id)


def digest_of_command(command: StaffCommand) -> UUID:
    """Stands for all that a command asks for, whoever asks: another one under the same id is known as another."""
    return digest_of(type(command).__name__, command.model_dump_json(exclude={"who", "leeway"}))
