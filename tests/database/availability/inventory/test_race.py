"""Forty requests from four processes race for six rooms: the database's constraint decides, and nothing else does."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from multiprocessing import get_context
from uuid import uuid4

import asyncpg
import pytest

from shared.clock import system_clock
from shared.contracts.availability import HoldRooms
from tests.support.builders.bookings import hold, wish
from tests.support.races.rooms import Answers, compete
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
PROCESSES, EACH, FREE = 4, 10, 6
# Six Habitación rooms are left for the night; the other eight are out of order.
_SIX_LEFT = """
UPDATE rooms SET out_of_order_from = '2000-01-01', out_of_order_until = '2999-01-01'
WHERE type_key = 'habitacion' AND number NOT IN ('1A', '2A', '3A', '4A', '5A', '6A')"""
_SOLD = "SELECT room, count(*) FROM room_nights GROUP BY room"


def wants() -> HoldRooms:
    night = system_clock().date() + timedelta(days=30)
    dates = {"check_in": night, "check_out": night + timedelta(days=1)}
    return hold(uuid4(), wish(1, "Habitación"), **dates)


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def sold(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(_SOLD)
    await connection.close()
    return {row["room"]: row["count"] for row in rows}


def race(url: str, batch: int) -> Answers:
    """Let the processes compete; gives every answer."""
    spawning = get_context("forkserver")
    spawning.set_forkserver_preload(["tests.support.races.rooms"])
    barrier, results = spawning.Barrier(PROCESSES), spawning.Queue()
    rivals = [
        spawning.Process(target=compete, args=(url, [wants() for _ in range(EACH)], batch, barrier, results))
        for _ in range(PROCESSES)
    ]
    for rival in rivals:
        rival.start()
    answers = [answer for _ in rivals for answer in results.get(timeout=40)]
    for rival in rivals:
        rival.join()
    return answers


@pytest.mark.parametrize("batch", [1, EACH])
def test_exactly_as_many_win_as_there_are_rooms(fresh_database: FreshDatabase, batch: int) -> None:
    url = fresh_database("availability")
    asyncio.run(execute(url, _SIX_LEFT))
    answers = race(url, batch)
    won = [rooms for _, rooms in answers if rooms]
    assert len(answers) == len({booking for booking, _ in answers}) == PROCESSES * EACH
    assert Counter(room for rooms in won for room in rooms) == Counter(f"{n}A" for n in range(1, FREE + 1))
    assert asyncio.run(sold(url)) == {f"{n}A": 1 for n in range(1, FREE + 1)}


def test_without_the_constraint_rooms_are_sold_twice(fresh_database: FreshDatabase) -> None:
    """The proof that the test above tests something."""
    url = fresh_database("availability")
    asyncio.run(execute(url, _SIX_LEFT, "ALTER TABLE room_nights DROP CONSTRAINT room_nights_pkey"))
    answers = race(url, EACH)
    assert sum(bool(rooms) for _, rooms in answers) == PROCESSES * FREE
    assert set(asyncio.run(sold(url)).values()) == {PROCESSES}
