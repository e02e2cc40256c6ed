"""Where sagas live between two messages: loaded and locked for a whole batch, written with one statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.database import Connection
from shared.saga import Progress, Turn
from shared.statements import Statement

Data = TypeVar("Data", bound=BaseModel)

_LOAD = "SELECT id, progress, data, started_at FROM sagas WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_BEGIN = """
INSERT INTO sagas (id, name, phase, progress, wake_at, data, started_at, updated_at)
SELECT id, $2, phase, progress, wake_at, data, $7, $7
FROM unnest($1::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::jsonb[])
  AS s (id, phase, progress, wake_at, data)"""
# Data that a turn left alone is not sent again: most turns behind the pivot only tick off a step.
_MOVE = """
UPDATE sagas SET phase = s.phase, progress = s.progress, wake_at = s.wake_at, data = coalesce(s.data, sagas.data),
                 updated_at = $6
FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::timestamptz[], $5::jsonb[])
  AS s (id, phase, progress, wake_at, data)
WHERE sagas.id = s.id"""
_DUE = """
UPDATE sagas SET wake_at = $1 + $2 WHERE id IN (
    SELECT id FROM sagas WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass
class Stored(Generic[Data]):
    """A saga in hand: what it is now, and what of it must be written."""

    id: UUID
    turn: Turn[Data]
    started_at: datetime
    is_new: bool = False
    changed: bool = False
    data_changed: bool = False

    def move(self, turn: Turn[Data]) -> None:
        """Take the turn's state; a turn that changed nothing needs no writing."""
        self.data_changed = self.data_changed or turn.data is not self.turn.data
        self.changed = self.changed or self.data_changed or turn.progress is not self.turn.progress
        self.turn = Turn(turn.data, turn.progress)


@dataclass
class Sagas(Generic[Data]):
    """The sagas that a batch touches, by id."""

    name: str
    model: type[Data]
    by_id: dict[UUID, Stored[Data]] = field(default_factory=dict)

    def add(self, saga_id: UUID, turn: Turn[Data], now: datetime) -> Stored[Data]:
        """A saga that begins."""
        stored = self.by_id[saga_id] = Stored(saga_id, Turn(turn.data, turn.progress), now, is_new=True)
        return stored

    async def load(self, connection: Connection, ids: Collection[UUID]) -> None:
        """Read and lock sagas, in one sorted order."""
        for row in await connection.fetch(_LOAD, ids):
            turn = Turn(self.model.model_validate_json(row["data"]), Progress.model_validate_json(row["progress"]))
            self.by_id[row["id"]] = Stored(row["id"], turn, row["started_at"])

    def changes(self, now: datetime) -> list[Statement]:
        """Writes every saga that began or moved."""
        new = [saga for saga in self.by_id.values() if saga.is_new]
        moved = [saga for saga in self.by_id.values() if saga.changed and not saga.is_new]
        statements = []
        if new:
            ids, *rest = _columns(new)
            statements.append(Statement(_BEGIN, (ids, self.name, *rest, now)))
        if moved:
            statements.append(Statement(_MOVE, (*_columns(moved), now)))
        return statements


def _columns(sagas: Sequence[Stored[Any]]) -> tuple[list[Any], ...]:
    return (
        [saga.id for saga in sagas],
        [saga.turn.progress.phase.value for saga in sagas],
        [saga.turn.progress.model_dump_json(exclude_defaults=True) for saga in sagas],
        [saga.turn.progress.wake_at for saga in sagas],
        [
            saga.turn.data.model_dump_json(exclude_defaults=True) if saga.is_new or saga.data_changed else None
            for saga in sagas
        ],
    )


async def take_due(connection: Connection, now: datetime, nudge: timedelta) -> list[UUID]:
    """Sagas whose time is up; each is handed out again after `nudge`, in case its wake-up is lost."""
    return [row["id"] for row in await connection.fetch(_DUE, now, nudge)]
