"""The engine's and the inventory's queries stay lookups, also when they were planned while a table was empty."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.availability.inventory.store import FreeAsked, free_rooms_of
from services.availability.stay import Stay
from shared.database.pool import Connection, Database
from shared.database.statements import execute_together
from shared.outbox import outbox
from shared.saga.engine import Transition
from shared.saga.state import SagaData, SagaState
from shared.saga.store import SagaCache, Sagas, take_due
from shared.saga.table import SagaTable, pivot, registry
from tests.support.doubles.transport import START
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real


class Facts(SagaData):
    """A saga's data."""

    name: str = "a"


TABLE: SagaTable[Facts] = SagaTable("test", Facts, (pivot("decide", do=lambda *_: ()),), refuse=lambda *_: ())


async def sweeping(connection: Connection) -> None:
    await outbox.what_is_due(connection, START)
    await outbox.unpack_due(connection, START, set())
    await outbox.remove(connection, [uuid4()], [uuid4()])
    await outbox.take_due(connection, START, 500)
    await outbox.remove(connection, [uuid4()])
    await outbox.put_off(connection, [uuid4()], START)


async def moving_sagas(connection: Connection) -> None:
    tables, cache = registry(TABLE), SagaCache()
    first = Sagas(tables, cache)
    saga = first.add(uuid4(), TABLE.name, Transition(SagaState(Facts())), START)
    await execute_together(connection, first.changes(START))
    for name in ("b", "b"):  # one turn that changes it, one that leaves it alone
        seen = Sagas(tables, cache)
        await seen.load_optimistic(connection, [saga.id], [])
        seen.by_id[saga.id].move(Transition(SagaState(Facts(name=name), seen.by_id[saga.id].progress)))
        await execute_together(connection, seen.changes(START))
    await Sagas(tables).load(connection, [saga.id])
    await take_due(connection, START, timedelta(seconds=1))


async def looking_for_rooms(connection: Connection) -> None:
    night = date(2026, 3, 15)
    stay = Stay(night, night + timedelta(days=1))
    await free_rooms_of(connection, [FreeAsked("las_hojas", stay, frozenset({"bungalow_junior"}))])


async def plans_of(url: str, work: Callable[[Connection], Awaitable[None]]) -> dict[str, str]:
    """The plan of each statement that `work` runs, as PostgreSQL makes it in a session of ours."""
    database, queries = Database(url), list[str]()
    await database.open()

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        if "$" in record.query and "pg_catalog" not in record.query:  # the rest is the driver's own
            queries.append(record.query)

    async with database.connection() as connection:
        with connection.query_logger(note):
            await work(connection)
            await asyncio.sleep(0)  # the driver logs a query in the loop's next round
        plans = {query: await plan_of(connection, query) for query in set(queries)}
    await database.close()
    assert plans
    return plans


async def plan_of(connection: Connection, query: str) -> str:
    parameters = max(int(number) for number in re.findall(r"\$(\d+)", query))
    await connection.execute(f"PREPARE looked_at AS {query}")
    rows = await connection.fetch(f"EXPLAIN EXECUTE looked_at ({', '.join(['NULL'] * parameters)})")
    await connection.execute("DEALLOCATE looked_at")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("service", "work"), [("payments", sweeping), ("booking", moving_sagas), ("availability", looking_for_rooms)]
)
async def test_no_table_is_read_whole(
    fresh_database: FreshDatabase, service: str, work: Callable[[Connection], Awaitable[None]]
) -> None:
    for plan in (await plans_of(fresh_database(service), work)).values():
        assert "Seq Scan" not in plan
        assert "Hash" not in plan.replace("HashAggregate", "")


async def test_of_a_rooms_calendar_only_the_nights_asked_for_are_read(fresh_database: FreshDatabase) -> None:
    (plan,) = (await plans_of(fresh_database("availability"), looking_for_rooms)).values()
    reading = next(line for line in plan.splitlines() if "Index Cond" in line and "night" in line)
    assert "night >= ask.check_in" in reading
    assert "night < ask.check_out" in reading
