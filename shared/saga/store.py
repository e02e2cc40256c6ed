"""Where sagas live between two messages: loaded for a whole batch, written with one statement."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel

from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.saga.engine import Transition
from shared.saga.state import Phase, Progress

Data = TypeVar("Data", bound=BaseModel)

_READ = "SELECT id, written, progress, data, started_at FROM sagas WHERE id = ANY($1)"
_LOCK = f"{_READ} ORDER BY id FOR UPDATE"
_BEGIN = """
INSERT INTO sagas (id, name, phase, progress, wake_at, data, started_at, updated_at, written)
SELECT id, $2, phase, progress, wake_at, data, $7, $7, $8
FROM unnest($1::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::jsonb[])
  AS s (id, phase, progress, wake_at, data)"""
# Data that a turn left alone is not sent again: most turns behind the pivot only tick off a step.
_MOVE = """
UPDATE sagas SET phase = s.phase, progress = s.progress, wake_at = s.wake_at, data = coalesce(s.data, sagas.data),
                 updated_at = $7, written = $8
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::jsonb[])
  AS s (id, was, phase, progress, wake_at, data)
WHERE sagas.id = s.id AND sagas.written = s.was"""
_STILL = """
SELECT 1 FROM sagas JOIN unnest($1::uuid[], $2::uuid[]) AS s (id, was) ON sagas.id = s.id AND sagas.written = s.was"""
_DUE = """
UPDATE sagas SET wake_at = $1 + $2 WHERE id IN (
    SELECT id FROM sagas WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass
class SagaRecord(Generic[Data]):
    """A saga in hand: what it is now, which write made it so (None: it begins), and what of it must be written."""

    id: UUID
    turn: Transition[Data]
    started_at: datetime
    written: UUID | None = None
    changed: bool = False
    data_changed: bool = False

    def move(self, turn: Transition[Data]) -> None:
        """Take the turn's state; a turn that changed nothing needs no writing."""
        self.data_changed = self.data_changed or turn.data is not self.turn.data
        self.changed = self.changed or self.data_changed or turn.progress is not self.turn.progress
        self.turn = Transition(turn.data, turn.progress)


class SagaCache:
    """The latest sagas that this process wrote, so that the next message need not read them again.

    What is remembered counts only while the row still names the write that made it, and the write that builds on it
    makes sure of that: one that was rolled back, or overtaken by another process, is never built upon. Bounded; sagas
    that ended are not kept.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._sagas: OrderedDict[UUID, SagaRecord[Any]] = OrderedDict()

    def recall(self, saga_id: UUID) -> SagaRecord[Any] | None:
        """The saga as it was last written here, if it is remembered."""
        kept = self._sagas.get(saga_id)
        return SagaRecord(saga_id, kept.turn, kept.started_at, kept.written) if kept else None

    def keep(self, written: UUID, sagas: Iterable[SagaRecord[Any]]) -> None:
        """Remember sagas as they are now being written."""
        for saga in sagas:
            self._sagas.pop(saga.id, None)
            if saga.turn.progress.phase is not Phase.ENDED:
                self._sagas[saga.id] = SagaRecord(saga.id, saga.turn, saga.started_at, written)
        while len(self._sagas) > self._most:
            self._sagas.popitem(last=False)


@dataclass
class Sagas(Generic[Data]):
    """The sagas that a batch touches, by id."""

    name: str
    model: type[Data]
    memory: SagaCache = field(default_factory=SagaCache)
    by_id: dict[UUID, SagaRecord[Data]] = field(default_factory=dict)
    _taken_for_new: frozenset[UUID] = frozenset()
    _may_be_stale: bool = False

    def add(self, saga_id: UUID, turn: Transition[Data], now: datetime) -> SagaRecord[Data]:
        """A saga that begins."""
        stored = self.by_id[saga_id] = SagaRecord(saga_id, Transition(turn.data, turn.progress), now)
        return stored

    async def load(self, connection: Connection, ids: Collection[UUID]) -> None:
        """Read and lock sagas, in one sorted order."""
        await self._read(connection, _LOCK, ids)

    async def load_optimistic(self, connection: Connection, ids: Collection[UUID], new: Collection[UUID]) -> None:
        """See sagas without locks, and those remembered without reading; those in `new` that are not count as new.

        Whether all that was so is found out by the statements of `changes`.
        """
        self._may_be_stale = True
        for saga_id in ids:
            if remembered := self.memory.recall(saga_id):
                self.by_id[saga_id] = remembered
        self._taken_for_new = frozenset(new) - self.by_id.keys()
        if unknown := set(ids) - self.by_id.keys() - self._taken_for_new:
            await self._read(connection, _READ, unknown)

    def changes(self, now: datetime) -> list[Statement]:
        """Writes every saga that began or moved, as long as those seen are still as they were.

        Raises:
            Conflict: when a saga taken for new did not begin, so that nothing would show if it was there.
        """
        if any(saga_id not in self.by_id for saga_id in self._taken_for_new):
            raise Conflict("a saga that was taken for new did not begin")
        new = [saga for saga in self.by_id.values() if saga.written is None]
        seen = [saga for saga in self.by_id.values() if saga.written]
        moved = [saga for saga in seen if saga.changed]
        left = [saga for saga in seen if not saga.changed] if self._may_be_stale else []
        written = uuid4()
        self.memory.keep(written, (*new, *moved))
        statements = []
        if new:
            statements.append(Statement(_BEGIN, (_ids(new), self.name, *_columns(new), now, written)))
        if moved:
            columns = (_ids(moved), _writes(moved), *_columns(moved))
            statements.append(Statement(_MOVE, (*columns, now, written), rows=len(moved)))
        if left:
            statements.append(Statement(_STILL, (_ids(left), _writes(left)), rows=len(left)))
        return statements

    async def _read(self, connection: Connection, query: str, ids: Collection[UUID]) -> None:
        for row in await connection.fetch(query, ids):
            remembered = self.memory.recall(row["id"])
            if remembered and remembered.written == row["written"]:
                self.by_id[row["id"]] = remembered
            else:
                self.by_id[row["id"]] = self._stored(row)

    def _stored(self, row: Any) -> SagaRecord[Data]:
        turn = Transition(self.model.model_validate(row["data"]), Progress.from_json(row["progress"]))
        return SagaRecord(row["id"], turn, row["started_at"], row["written"])


def _ids(sagas: Sequence[SagaRecord[Any]]) -> list[UUID]:
    return [saga.id for saga in sagas]


def _writes(sagas: Sequence[SagaRecord[Any]]) -> list[UUID | None]:
    return [saga.written for saga in sagas]


def _columns(sagas: Sequence[SagaRecord[Any]]) -> tuple[list[Any], ...]:
    return (
        [saga.turn.progress.phase.value for saga in sagas],
        [saga.turn.progress for saga in sagas],
        [saga.turn.progress.wake_at for saga in sagas],
        [
            orjson.Fragment(saga.turn.data.model_dump_json(exclude_defaults=True))
            if saga.written is None or saga.data_changed
            else None
            for saga in sagas
        ],
    )


async def take_due(connection: Connection, now: datetime, nudge: timedelta) -> list[UUID]:
    """Sagas whose time is up; each is handed out again after `nudge`, in case its wake-up is lost."""
    return [row["id"] for row in await connection.fetch(_DUE, now, nudge)]
