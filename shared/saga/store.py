"""Stores sagas between two messages: loads those of a whole batch, and writes what became of them together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic
from uuid import UUID

import orjson

from shared.database.bulk import Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.ids import new_id
from shared.saga.engine import Transition
from shared.saga.state import Data, Phase, Progress, SagaState
from shared.saga.table import SagaTable

_READ = "SELECT id, name, written, progress, data, started_at FROM sagas WHERE id = ANY($1)"
_LOCK = f"{_READ} ORDER BY id FOR UPDATE"
_STILL = """
SELECT 1 FROM sagas JOIN jsonb_to_recordset($1) AS s (id uuid, was uuid) ON sagas.id = s.id AND sagas.written = s.was"""
_DUE = """
UPDATE sagas SET wake_at = $1 + $2 WHERE id IN (
    SELECT id FROM sagas WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass
class SagaRecord(Generic[Data]):
    """A saga in a batch: its state, the write that made it (None: it begins now), and what must be written."""

    id: UUID
    table: SagaTable[Data]
    state: SagaState[Data]
    started_at: datetime
    written: UUID | None = None
    changed: bool = False
    data_changed: bool = False

    @property
    def data(self) -> Data:
        """What the saga knows."""
        return self.state.data

    @property
    def progress(self) -> Progress:
        """How far the saga is."""
        return self.state.progress

    def move(self, transition: Transition[Data]) -> None:
        """Take over the state of a transition; one that changed nothing is not written."""
        self.data_changed = self.data_changed or transition.data is not self.data
        self.changed = self.changed or self.data_changed or transition.progress is not self.progress
        self.state = transition.state


def _data(saga: SagaRecord[Any]) -> orjson.Fragment | None:
    """Unchanged data is not sent again: most transitions after the pivot only note that a step is done."""
    if saga.written and not saga.data_changed:
        return None
    return orjson.Fragment(saga.data.model_dump_json(exclude_defaults=True))


SAGAS = Table(
    "sagas",
    SagaRecord,
    Column("name", "text", lambda saga: saga.table.name),
    Column("phase", "text", lambda saga: saga.progress.phase),
    Column("progress", "jsonb", lambda saga: saga.progress),
    Column("wake_at", "timestamptz", lambda saga: saga.progress.wake_at),
    Column("data", "jsonb", _data),
    Column("updated_at", "timestamptz"),
    Column("written", "uuid"),
    without=("table", "state", "changed", "data_changed"),
    fixed=("name", "started_at"),
    sets={"data": "coalesce(new.data, sagas.data)"},
    version="written",
)


class SagaCache:
    """The sagas that this process wrote last, so that the next message need not read them again.

    A cached saga counts only while its row still names the write that made it. The write that builds on it makes sure
    of that, so nothing is ever built on a write that was rolled back, or overtaken by another process. Holds `most`
    sagas, none that ended.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._sagas: OrderedDict[UUID, SagaRecord[Any]] = OrderedDict()

    def get(self, saga_id: UUID) -> SagaRecord[Any] | None:
        """The saga as it was last written here, if it is cached."""
        cached = self._sagas.get(saga_id)
        if cached is None:
            return None
        return SagaRecord(saga_id, cached.table, cached.state, cached.started_at, cached.written)

    def put(self, written: UUID, sagas: Iterable[SagaRecord[Any]]) -> None:
        """Cache sagas as they are now being written."""
        for saga in sagas:
            self._sagas.pop(saga.id, None)
            if saga.progress.phase is not Phase.ENDED:
                self._sagas[saga.id] = SagaRecord(saga.id, saga.table, saga.state, saga.started_at, written)
        while len(self._sagas) > self._most:
            self._sagas.popitem(last=False)


@dataclass
class Sagas:
    """The sagas that a batch touches, by id.

    `tables` are all registered sagas by name: each saga goes on by the table whose name is stored with it.
    """

    tables: Mapping[str, SagaTable[Any]]
    cache: SagaCache = field(default_factory=SagaCache)
    by_id: dict[UUID, SagaRecord[Any]] = field(default_factory=dict)
    _assumed_new: frozenset[UUID] = frozenset()
    _optimistic: bool = False

    def add(self, saga_id: UUID, name: str, transition: Transition[Any], now: datetime) -> SagaRecord[Any]:
        """A saga that begins, of the table of that name."""
        record = self.by_id[saga_id] = SagaRecord(saga_id, self.tables[name], transition.state, now)
        return record

    async def load(self, connection: Connection, ids: Collection[UUID]) -> None:
        """Read and lock sagas, in the order of their ids."""
        await self._read(connection, _LOCK, ids)

    async def load_optimistic(self, connection: Connection, ids: Collection[UUID], new: Collection[UUID]) -> None:
        """Read sagas without locks, those cached not at all; those in `new` that are not cached count as new.

        The statements of `changes` find out whether all that was true.
        """
        self._optimistic = True
        for saga_id in ids:
            if cached := self.cache.get(saga_id):
                self.by_id[saga_id] = cached
        self._assumed_new = frozenset(new) - self.by_id.keys()
        if unknown := set(ids) - self.by_id.keys() - self._assumed_new:
            await self._read(connection, _READ, unknown)

    def changes(self, now: datetime) -> list[Statement]:
        """Writes every saga that began or changed, provided that those that were read are still as they were.

        Raises:
            Conflict: when a saga that was assumed to be new did not begin: no statement would show whether it is there.
        """
        if any(saga_id not in self.by_id for saga_id in self._assumed_new):
            raise Conflict("a saga that was assumed to be new did not begin")
        new = [saga for saga in self.by_id.values() if saga.written is None]
        known = [saga for saga in self.by_id.values() if saga.written]
        moved = [saga for saga in known if saga.changed]
        unchanged = [saga for saga in known if not saga.changed] if self._optimistic else []
        written = new_id()
        self.cache.put(written, (*new, *moved))
        given = {"updated_at": now, "written": written}
        statements = []
        if new:
            statements.append(SAGAS.insert(new, **given))
        if moved:
            statements.append(SAGAS.update(moved, {saga.id: saga.written for saga in moved}, **given))
        if unchanged:
            seen = [{"id": saga.id, "was": saga.written} for saga in unchanged]
            statements.append(Statement(_STILL, (seen,), rows=len(seen)))
        return statements

    async def _read(self, connection: Connection, query: str, ids: Collection[UUID]) -> None:
        for row in await connection.fetch(query, ids):
            cached = self.cache.get(row["id"])
            current = cached and cached.written == row["written"]
            self.by_id[row["id"]] = cached if cached and current else self._record(row)

    def _record(self, row: Any) -> SagaRecord[Any]:
        table = self.tables.get(row["name"])
        if table is None:
            raise LookupError(f"saga {row['id']} is a {row['name']!r}: no saga is registered under that name")
        state = SagaState(table.data.model_validate(row["data"]), Progress.from_json(row["progress"]))
        return SagaRecord(row["id"], table, state, row["started_at"], row["written"])


async def take_due(connection: Connection, now: datetime, nudge: timedelta) -> list[UUID]:
    """The sagas whose `wake_at` has passed; each is given out again after `nudge`, in case its wake-up is lost."""
    return [row["id"] for row in await connection.fetch(_DUE, now, nudge)]
