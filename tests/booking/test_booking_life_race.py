"""Two processes that want the same booking: one wins; and it is the guards that see to it, for without them both do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.booking.consumers import routes
from services.booking.repository import Repository
from shared.consumer import Consumer
from shared.contracts.booking_life import GuestCheckedIn
from shared.contracts.booking_staff import CancelBooking, CheckIn, StaffCommand
from shared.contracts.payments import RepriceBooking
from shared.database import Database
from shared.relay import Relay
from tests.support.databases import FreshDatabase
from tests.support.life import Front, command
from tests.support.post_office import MovedClock, PostOffice, record_of

pytestmark = pytest.mark.real


class Careless(Database):
    """A database without row locks and versions, in which both write the booking only once both have read it."""

    def __init__(self, url: str, meeting: asyncio.Barrier) -> None:
        super().__init__(url)
        self._meeting = meeting

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with super().connection() as connection:
            yield _Unguarded(connection, self._meeting)


class _Unguarded:
    def __init__(self, connection: Any, meeting: asyncio.Barrier) -> None:
        self._connection = connection
        self._meeting = meeting

    async def fetch(self, sql: str, *values: Any) -> Any:
        return await self._connection.fetch(sql.replace("FOR UPDATE", ""), *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        if "UPDATE bookings" in sql:
            await self._meeting.wait()
        return await self._connection.execute(
            sql.replace("bookings.xmin::text = c.version", "c.version <> ''"), *values
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Process:
    """One of the processes: a consumer with a memory and connections of its own."""

    def __init__(self, database: Database, clock: MovedClock) -> None:
        self.office, self.database = PostOffice(), database
        self.consumer = Consumer(routes(Repository()), database, Relay(self.office, database, clock=clock), clock=clock)

    async def obey(self, given: StaffCommand) -> None:
        await self.consumer.take([record_of(given)])


async def race(url: str, processes: list[Database]) -> tuple[UUID, list[Any], list[Any], Front]:
    """Cancel and check in at once; gives what was answered and what was sent."""
    front = Front(Database(url))
    await front.database.open()
    booking = await front.confirmed()
    front.clock.forward(timedelta(days=5))
    rivals = [Process(database, front.clock) for database in processes]
    given = [command(CancelBooking, booking), command(CheckIn, booking)]
    async with AsyncExitStack() as stack:
        for one in rivals:
            await one.database.open()
            stack.push_async_callback(one.database.close)
        async with asyncio.timeout(30):
            await asyncio.gather(*[one.obey(said) for one, said in zip(rivals, given, strict=True)])
        answers = await front.ask("SELECT type, state, refusal FROM commands WHERE booking_id = $1", booking)
        sent = [message for one in rivals for message in one.office.messages]
    return booking, answers, sent, front


def effects(sent: list[Any]) -> set[type]:
    """What the world was told: that guests arrived, that money goes back."""
    return {type(message) for message in sent} & {GuestCheckedIn, RepriceBooking}


@pytest.mark.parametrize("_", range(10))
async def test_one_of_two_wins_and_the_other_is_told_why(fresh_database: FreshDatabase, _: int) -> None:
    url = fresh_database("booking")
    booking, answers, sent, front = await race(url, [Database(url), Database(url)])
    states = {row["type"]: row["state"] for row in answers}
    assert sorted(states.values()) == ["done", "refused"], states
    refused = next(json.loads(row["refusal"]) for row in answers if row["refusal"])
    assert refused["code"] == "illegal_transition" or refused["code"] == "change_under_way"
    assert len(effects(sent)) == 1
    moves = await front.ask("SELECT action FROM audit_log WHERE booking_id = $1 ORDER BY id", booking)
    assert len(moves) == 3
    await front.database.close()


async def test_without_the_guards_both_would_win(fresh_database: FreshDatabase) -> None:
    url = fresh_database("booking")
    meeting = asyncio.Barrier(2)
    booking, answers, sent, front = await race(url, [Careless(url, meeting), Careless(url, meeting)])
    assert [row["state"] for row in answers] == ["done", "done"]
    assert effects(sent) == {GuestCheckedIn, RepriceBooking}
    moves = await front.ask("SELECT action FROM audit_log WHERE booking_id = $1 ORDER BY id", booking)
    assert sorted(row["action"] for row in moves[2:]) == ["CANCEL", "CHECK_IN"]
    await front.database.close()


async def test_the_same_command_in_two_processes_is_done_once(fresh_database: FreshDatabase) -> None:
    """Under two event ids, so that the inbox does not know them for one: the command's own id does."""
    url = fresh_database("booking")
    front = Front(Database(url))
    await front.database.open()
    booking = await front.confirmed()
    given = command(CancelBooking, booking, command_id=uuid4())
    rivals = [Process(Database(url), front.clock) for _ in range(2)]
    for one in rivals:
        await one.database.open()
    await asyncio.gather(*[one.obey(given) for one in rivals])
    sent = [message for one in rivals for message in one.office.messages if isinstance(message, RepriceBooking)]
    assert len(sent) == 1
    (answer,) = await front.ask("SELECT state FROM commands WHERE booking_id = $1", booking)
    assert answer["state"] == "done"
    for one in (*rivals, front):
        await one.database.close()
