"""Where sagas live between two messages: loaded and locked for a whole batch, written with one statement."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from shared.database import Connection
from shared.saga import Phase, Progress, Turn
from shared.statements import Statement

Data = TypeVar("Data", bound=BaseModel)

_LOAD = "SELECT id, written, progress, data, started_at FROM sagas WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_BEGIN = """
INSERT INTO sagas (id, name, phase, progress, wake_at, data, started_at, updated_at, written)
SELECT id, $2, phase, progress, wake_at, data, $7, $7, $8
FROM unnest($1::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::jsonb[])
  AS s (id, phase, progress, wake_at, data)"""
# Data that a turn left alone is not sent again: most turns behind the pivot only tick off a step.
_MOVE = """
UPDATE sagas SET phase = s.phase, progress = s.progress, wake_at = s.wake_at, data = coalesce(s.data, sagas.data),
                 updated_at = $6, written = $7
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


class Memory:
    """The latest sagas that this process wrote, so that the next message need not read them out of JSON again.

    What is remembered counts only while the row still names the write that made it: a write that was rolled back, or
    overtaken by another process, is never recalled. Bounded; sagas that ended are not kept.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._turns: OrderedDict[UUID, tuple[UUID, Turn[Any]]] = OrderedDict()

    def recall(self, saga_id: UUID, written: UUID) -> Turn[Any] | None:
        """The saga as that write left it, if it is remembered."""
        by, turn = self._turns.get(saga_id, (None, None))
        return turn if by == written else None

    def keep(self, written: UUID, sagas: Iterable[Stored[Any]]) -> None:
        """Remember sagas as they are now being written."""
        for saga in sagas:
            self._turns.pop(saga.id, None)
            if saga.turn.progress.phase is not Phase.ENDED:
                self._turns[saga.id] = (written, saga.turn)
        while len(self._turns) > self._most:
            self._turns.popitem(last=False)


@dataclass
class Sagas(Generic[Data]):
    """The sagas that a batch touches, by id."""

    name: str
    model: type[Data]
    memory: Memory = field(default_factory=Memory)
    by_id: dict[UUID, Stored[Data]] = field(default_factory=dict)

    def add(self, saga_id: UUID, turn: Turn[Data], now: datetime) -> Stored[Data]:
        """A saga that begins."""
        stored = self.by_id[saga_id] = Stored(saga_id, Turn(turn.data, turn.progress), now, is_new=True)
        return stored

    async def load(self, connection: Connection, ids: Collection[UUID]) -> None:
        """Read and lock sagas, in one sorted order."""
        for row in await connection.fetch(_LOAD, ids):
            turn = self.memory.recall(row["id"], row["written"]) or Turn(
                self.model.model_validate_json(row["data"]), Progress.model_validate_json(row["progress"])
            )
            self.by_id[row["id"]] = Stored(row["id"], turn, row["started_at"])

    def changes(self, now: datetime) -> list[Statement]:
        """Writes every saga that began or moved."""
        new = [saga for saga in self.by_id.values() if saga.is_new]
        moved = [saga for saga in self.by_id.values() if saga.changed and not saga.is_new]
        written = uuid4()
        self.memory.keep(written, (*new, *moved))
        statements = []
        if new:
            ids, *rest = _columns(new)
            statements.append(Statement(_BEGIN, (ids, self.name, *rest, now, written)))
        if moved:
            statements.append(Statement(_MOVE, (*_columns(moved), now, written)))
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
