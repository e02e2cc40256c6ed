"""The outbox sweepers of several instances work on different rows at the same time, and one that dies loses none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from shared.database.pool import Database
from shared.messages.message import Envelope
from shared.outbox import outbox
from shared.outbox.publisher import SWEEP_ROWS, OutboxPublisher
from shared.outbox.row import Row
from tests.support.doubles.transport import START, Crash, MovedClock, PostOffice

pytestmark = pytest.mark.real

INSTANCES = 3
PATIENCE_S = 30.0
ALL = INSTANCES * SWEEP_ROWS
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Meeting(PostOffice):
    """Takes rows from an instance, and no second one before every instance has its first in hand."""

    def __init__(self, all_have_some: asyncio.Barrier) -> None:
        super().__init__()
        self._all_have_some = all_have_some

    async def send(self, row: Row) -> asyncio.Future[None]:
        arrived = await super().send(row)
        if len(self.rows) == 1:
            await self._all_have_some.wait()
        return arrived


@asynccontextmanager
async def instances(url: str, offices: list[PostOffice]) -> AsyncIterator[list[OutboxPublisher]]:
    """A relay for each post office, with database connections of its own as another process has."""
    async with AsyncExitStack() as stack:
        relays = []
        for office in offices:
            database = Database(url, connections=2)
            await database.open()
            stack.push_async_callback(database.close)
            relays.append(OutboxPublisher(office, database, clock=MovedClock()))
        yield relays


async def test_each_has_rows_in_hand_while_the_others_have_theirs(notes_url: str, database: Database) -> None:
    await plant(database)
    meeting = asyncio.Barrier(INSTANCES)
    offices: list[PostOffice] = [Meeting(meeting) for _ in range(INSTANCES)]
    async with instances(notes_url, offices) as relays, asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*[relay.sweep() for relay in relays])

    sent = Counter(int(one.key) for office in offices for one in office.rows)
    assert sent == Counter(range(ALL))
    assert [len(office.rows) for office in offices] == [SWEEP_ROWS] * INSTANCES
    assert not await left(database)


async def test_without_skipping_locked_rows_they_would_queue_up(
    notes_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_DUE", outbox._DUE.replace("SKIP LOCKED", ""))
    await plant(database)
    meeting = asyncio.Barrier(INSTANCES)
    offices: list[PostOffice] = [Meeting(meeting) for _ in range(INSTANCES)]
    async with instances(notes_url, offices) as relays:
        sweeps = [asyncio.create_task(relay.sweep()) for relay in relays]
        try:
            async with database.connection() as connection, asyncio.timeout(PATIENCE_S):
                while await connection.fetchval(_WAITING) < INSTANCES - 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            for sweep in sweeps:
                sweep.cancel()
            await asyncio.gather(*sweeps, return_exceptions=True)
    assert sorted(len(office.rows) for office in offices) == [0, 0, 1]


async def test_what_one_that_dies_had_in_hand_is_sent_by_the_others(notes_url: str, database: Database) -> None:
    await plant(database)

    def die(_: Row) -> None:
        if len(dying.rows) == SWEEP_ROWS // 2:
            raise Crash

    dying = PostOffice(die)
    offices = [dying, PostOffice(), PostOffice()]
    async with instances(notes_url, offices) as relays, asyncio.timeout(PATIENCE_S):
        with pytest.raises(Crash):
            await relays[0].sweep()
        await asyncio.gather(*[relay.sweep() for relay in relays[1:]])

    sent = Counter(int(one.key) for office in offices[1:] for one in office.rows)
    assert sent == Counter(range(ALL))  # those that it had sent are sent again: receivers know them by their ids
    assert not await left(database)


async def plant(database: Database) -> None:
    """Rows that are due, with their numbers as keys."""
    headers = Envelope(id="e", type="t", source="s").headers()
    rows = [Row(uuid4(), "topic", str(number), headers, b"{}", START) for number in range(ALL)]
    async with database.transaction() as connection:
        await outbox.add(connection, rows, START)


async def left(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))
