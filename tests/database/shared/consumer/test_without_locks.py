"""Turns without locks: one statement finds out whether anybody was first, and then nothing of it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.database.pool import Connection, Database
from shared.database.statements import Statement, execute_together
from shared.errors import Conflict
from shared.observability import metrics
from shared.saga.engine import Transition
from shared.saga.state import SagaData, SagaState
from shared.saga.store import SagaCache, Sagas
from shared.saga.table import SagaTable, pivot, registry
from tests.support.doubles.transport import START
from tests.support.sagas.sample_service import OptimisticNotes, noted
from tests.support.sagas.sample_shell import Shell
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real

NOTE = "INSERT INTO notes (request_id) VALUES ($1)"
RENAME = "UPDATE notes SET request_id = $2 WHERE request_id = $1"
SEE = "SELECT 1 FROM notes WHERE request_id = $1"


async def together(database: Database, *statements: Statement) -> None:
    async with database.connection() as connection:
        await execute_together(connection, statements)


async def test_statements_that_find_their_rows_are_all_written(database: Database) -> None:
    await together(database, Statement(NOTE, ("a",), rows=1))
    await together(database, Statement(RENAME, ("a", "b"), rows=1), Statement(NOTE, ("c",)), Statement(SEE, ("x",), 0))
    assert sorted(await noted(database)) == ["b", "c"]


@pytest.mark.parametrize(
    "strayed",
    [
        Statement(RENAME, ("gone", "b"), rows=1),
        Statement(RENAME, ("a", "b"), rows=2),
        Statement(SEE, ("gone",), rows=1),
        Statement(SEE, ("a",), rows=0),
    ],
)
async def test_one_that_does_not_undoes_them_all(database: Database, strayed: Statement) -> None:
    await together(database, Statement(NOTE, ("a",)))
    with pytest.raises(Conflict):
        await together(database, Statement(NOTE, ("c",)), strayed, Statement(NOTE, ("d",), rows=1))
    with pytest.raises(Conflict):
        await together(database, strayed)
    assert await noted(database) == ["a"]


async def test_a_rival_s_row_is_a_conflict_that_does_not_quote_it(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE UNIQUE INDEX notes_once ON notes (request_id)")
    await together(database, Statement(NOTE, ("Ana López",)))
    with pytest.raises(Conflict, match=r"^notes_once: another writer was first$"):
        await together(database, Statement(NOTE, ("Ana López",)))


def locked_turns() -> float:
    return metrics.LOCKED_TURNS._value.get()


async def test_only_what_was_handled_before_needs_locks(database: Database) -> None:
    shell = Shell(database, OptimisticNotes())
    before = locked_turns()
    await shell.take("a", "b")
    await shell.take("c", "c")
    assert locked_turns() == before
    await shell.take("d", "a")
    assert locked_turns() == before + 1
    assert await noted(database) == ["a", "b", "c", "d"]
    assert [message.request_id for message in shell.office.messages] == ["a", "b", "c", "d"]


class Facts(SagaData):
    """A saga's data."""

    seats: int = 0


BUS: SagaTable[Facts] = SagaTable("bus", Facts, (pivot("leave", do=lambda *_: ()),), refuse=lambda *_: ())


@pytest.fixture
async def sagas(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    database = Database(fresh_database("booking"))
    await database.open()
    yield database
    await database.close()


class Process:
    """One of several processes that handle the same saga, each with a cache of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = SagaCache()

    async def begin(self, saga_id: UUID) -> None:
        sagas = Sagas(registry(BUS), self._cache)
        async with self._database.connection() as connection:
            await sagas.load_optimistic(connection, [saga_id], new=[saga_id])
            if saga_id not in sagas.by_id:
                sagas.add(saga_id, BUS.name, Transition(SagaState(Facts())), START)
            await execute_together(connection, sagas.changes(START))

    async def seat(self, saga_id: UUID, *, guarded: bool = True) -> None:
        """One seat more, without locks."""
        await self._turn(saga_id, lambda facts: Facts(seats=facts.seats + 1), guarded=guarded)

    async def look(self, saga_id: UUID) -> None:
        """See it and leave it as it is."""
        await self._turn(saga_id, lambda facts: facts)

    async def _turn(self, saga_id: UUID, change: Any, *, guarded: bool = True) -> None:
        sagas = Sagas(registry(BUS), self._cache)
        async with self._database.connection() as connection:
            await sagas.load_optimistic(connection, [saga_id], new=[])
            stored = sagas.by_id[saga_id]
            stored.move(Transition(SagaState(change(stored.data), stored.progress)))
            await execute_together(connection, [self._as(one, guarded) for one in sagas.changes(START)])

    def _as(self, statement: Statement, guarded: bool) -> Statement:
        if guarded:
            return statement
        return replace(statement, rows=None, sql=statement.sql.replace("AND sagas.written = s.was", ""))


async def seats(database: Database, saga_id: UUID) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT (data->>'seats')::int FROM sagas WHERE id = $1", saga_id))


async def test_a_cached_saga_that_another_process_overtook_is_not_built_upon(sagas: Database) -> None:
    saga_id, first, second = uuid4(), Process(sagas), Process(sagas)
    await first.begin(saga_id)
    await second.seat(saga_id)
    with pytest.raises(Conflict):
        await first.seat(saga_id)
    with pytest.raises(Conflict):
        await first.look(saga_id)
    await second.seat(saga_id)
    assert await seats(sagas, saga_id) == 2


async def test_without_its_guard_the_cache_overwrites_the_other_process(sagas: Database) -> None:
    """The proof that the test above tests something."""
    saga_id, first, second = uuid4(), Process(sagas), Process(sagas)
    await first.begin(saga_id)
    await second.seat(saga_id)
    await first.seat(saga_id, guarded=False)
    assert await seats(sagas, saga_id) == 1


async def test_a_saga_taken_for_new_that_was_there_is_not_begun_twice(sagas: Database) -> None:
    saga_id = uuid4()
    await Process(sagas).begin(saga_id)
    with pytest.raises(Conflict):
        await Process(sagas).begin(saga_id)


async def test_a_saga_taken_for_new_must_begin(sagas: Database) -> None:
    unknown = Sagas(registry(BUS))
    async with sagas.connection() as connection:
        await unknown.load_optimistic(connection, [saga_id := uuid4()], new=[saga_id])
    with pytest.raises(Conflict):
        unknown.changes(START + timedelta(0))


async def test_what_failed_is_not_remembered_as_written(sagas: Database) -> None:
    saga_id, process = uuid4(), Process(sagas)
    await process.begin(saga_id)
    cache = process._cache
    broken = Sagas(registry(BUS), cache)
    async with sagas.connection() as connection:
        await broken.load_optimistic(connection, [saga_id], new=[])
        broken.by_id[saga_id].move(Transition(SagaState(Facts(seats=9))))
        broken.changes(START)  # the process believes in it, the database never hears of it
        with pytest.raises(Conflict):
            await process.seat(saga_id)
        locked = Sagas(registry(BUS), cache)
        await _load(connection, locked, saga_id)
    assert locked.by_id[saga_id].data == Facts(seats=0)


class MoreFacts(SagaData):
    """The data of a later version of the same saga."""

    benches: int = 1


TRAM: SagaTable[MoreFacts] = SagaTable("tram", MoreFacts, BUS.steps, refuse=lambda *_: ())  # type: ignore[arg-type]


async def test_a_saga_goes_on_by_the_table_that_it_began_with(sagas: Database) -> None:
    """Where a later version is registered under a new name, beside the old one."""
    old, new = uuid4(), uuid4()
    await Process(sagas).begin(old)
    async with sagas.connection() as connection:
        both = Sagas(registry(BUS, TRAM))
        both.add(new, TRAM.name, Transition(SagaState(MoreFacts(benches=3))), START)
        await execute_together(connection, both.changes(START))
        loaded = Sagas(registry(BUS, TRAM))
        await _load(connection, loaded, old, new)
        assert (loaded.by_id[old].table, loaded.by_id[old].data) == (BUS, Facts())
        assert (loaded.by_id[new].table, loaded.by_id[new].data) == (TRAM, MoreFacts(benches=3))
        with pytest.raises(LookupError, match="is a 'tram': no saga is registered under that name"):
            await _load(connection, Sagas(registry(BUS)), new)


async def _load(connection: Connection, sagas: Sagas, *ids: UUID) -> None:
    async with connection.transaction():
        await sagas.load(connection, ids)
