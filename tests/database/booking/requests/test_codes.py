"""Reservation codes: exact where a property sells a booking now and then, set aside ahead where it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.booking.requests import codes
from services.booking.requests.codes import MOST_AHEAD, Codes
from services.booking.requests.store import take_codes
from shared.database.pool import Database
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
PROPERTY = "las-hojas"


@pytest.fixture
async def database(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    opened = Database(fresh_database("booking"))
    await opened.open()
    yield opened
    await opened.close()


class Asked:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.times = 0

    async def fetch(self, sql: str, *values: Any) -> Any:
        self.times += 1
        return await self._connection.fetch(sql, *values)


def numbers(found: list[str]) -> list[int]:
    return [int(code.removeprefix("HR")) for code in found]


async def taken(database: Database, process: Codes, number: int = 3) -> list[int]:
    async with database.connection() as connection:
        return numbers((await process.take(connection, {PROPERTY: number}))[PROPERTY])


def at_rest(process: Codes) -> None:
    """Let more than a moment pass since the last booking."""
    for ahead in process._ahead.values():
        ahead.taken_at -= 2 * codes.BUSY_SECONDS


async def test_a_quiet_property_has_no_gaps(database: Database) -> None:
    found = []
    for number in (3, 1, 2):
        process = Codes()  # each after a restart, which forgets what was set aside
        at_rest(process)
        found += await taken(database, process, number)
    assert found == list(range(found[0], found[0] + 6))
    quiet = Codes()
    more = await taken(database, quiet)
    at_rest(quiet)
    more += await taken(database, quiet)
    assert [*found, *more] == list(range(found[0], found[0] + 12))


async def test_a_busy_one_asks_ever_more_seldom(database: Database) -> None:
    process, bookings = Codes(), 200
    async with database.connection() as connection:
        asked: Any = Asked(connection)
        found = [
            code for _ in range(bookings) for code in numbers((await process.take(asked, {PROPERTY: 3}))[PROPERTY])
        ]
    assert found == sorted(set(found))
    assert len(found) == 3 * bookings
    assert asked.times <= 5 + 3 * bookings / (MOST_AHEAD - 3)


async def test_processes_never_hand_out_the_same(database: Database) -> None:
    processes = [Codes() for _ in range(4)]
    found = await asyncio.gather(*[taken(database, process) for _ in range(25) for process in processes])
    assert len({code for three in found for code in three}) == 300


async def test_two_batches_of_one_process_that_meet_both_get_all_they_need(database: Database) -> None:
    process = Codes()
    process._ahead[PROPERTY] = codes._Ahead(["HR1", "HR2"], 0, float("-inf"))
    asked: asyncio.Event = asyncio.Event()
    go_on: asyncio.Event = asyncio.Event()

    class Slow:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        async def fetch(self, sql: str, *values: Any) -> Any:
            asked.set()
            await go_on.wait()
            return await self._connection.fetch(sql, *values)

    async with database.connection() as connection:
        slow: Any = Slow(connection)
        three = asyncio.create_task(process.take(slow, {PROPERTY: 3}))
        await asked.wait()
        assert await process.take(slow, {PROPERTY: 2}) == {PROPERTY: ["HR1", "HR2"]}
        go_on.set()
        assert len(set((await three)[PROPERTY])) == 3


async def test_a_property_without_a_counter_is_named(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(LookupError, match="nowhere"):
            await Codes().take(connection, {PROPERTY: 1, "nowhere": 2})


async def test_under_locks_exactly_what_is_needed_is_taken_and_given_back(database: Database) -> None:
    async with database.connection() as connection:
        before = await connection.fetchval("SELECT next FROM code_counters WHERE property_id = $1", PROPERTY)
        transaction = connection.transaction()
        await transaction.start()
        assert numbers((await take_codes(connection, {PROPERTY: 2}))[PROPERTY]) == [before, before + 1]
        await transaction.rollback()
        assert numbers((await take_codes(connection, {PROPERTY: 2}))[PROPERTY]) == [before, before + 1]
        assert await take_codes(connection, {}) == {}
