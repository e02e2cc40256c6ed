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

Data = TypeVar("Data", bound=BaseModel)

_LOAD = "SELECT id, progress, data, started_at FROM sagas WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_SAVE = """
INSERT INTO sagas (id, name, phase, progress, data, wake_at, started_at, updated_at)
SELECT *, $8 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[],
                         $7::timestamptz[])
ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, progress = excluded.progress, data = excluded.data,
                               wake_at = excluded.wake_at, updated_at = excluded.updated_at"""
_DUE = """
UPDATE sagas SET wake_at = $1 + $2 WHERE id IN (
    SELECT id FROM sagas WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass
class Stored(Generic[Data]):
    """A saga in hand: what it is now, and whether it must be written."""

    id: UUID
    turn: Turn[Data]
    started_at: datetime
    changed: bool = False

    def move(self, turn: Turn[Data]) -> None:
        """Take the turn's state; a turn that changed nothing needs no writing."""
        self.changed = self.changed or turn.progress is not self.turn.progress or turn.data is not self.turn.data
        self.turn = Turn(turn.data, turn.progress)


@dataclass
class Sagas(Generic[Data]):
    """The sagas that a batch touches, by id."""

    name: str
    model: type[Data]
    by_id: dict[UUID, Stored[Data]] = field(default_factory=dict)

    def add(self, saga_id: UUID, turn: Turn[Data], now: datetime) -> Stored[Data]:
        """A saga that begins."""
        stored = self.by_id[saga_id] = Stored(saga_id, Turn(turn.data, turn.progress), now, changed=True)
        return stored

    async def load(self, connection: Connection, ids: Collection[UUID]) -> None:
        """Read and lock sagas, in one sorted order."""
        for row in await connection.fetch(_LOAD, ids):
            turn = Turn(self.model.model_validate_json(row["data"]), Progress.model_validate_json(row["progress"]))
            self.by_id[row["id"]] = Stored(row["id"], turn, row["started_at"])

    async def save(self, connection: Connection, now: datetime) -> None:
        """Write every saga that changed."""
        changed = sorted((saga for saga in self.by_id.values() if saga.changed), key=lambda saga: saga.id)
        if changed:
            await connection.execute(_SAVE, *_columns(self.name, changed), now)


def _columns(name: str, sagas: Sequence[Stored[Any]]) -> tuple[list[Any], ...]:
    return (
        [saga.id for saga in sagas],
        [name] * len(sagas),
        [saga.turn.progress.phase.value for saga in sagas],
        [saga.turn.progress.model_dump_json() for saga in sagas],
        [saga.turn.data.model_dump_json(exclude_none=True) for saga in sagas],
        [saga.turn.progress.wake_at for saga in sagas],
        [saga.started_at for saga in sagas],
    )


async def take_due(connection: Connection, now: datetime, nudge: timedelta) -> list[UUID]:
    """Sagas whose time is up; each is handed out again after `nudge`, in case its wake-up is lost."""
    return [row["id"] for row in await connection.fetch(_DUE, now, nudge)]
