"""One process of a race for a booking: the real consumer over the database that all processes share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from services.booking.consumers import routes
from services.booking.repository import Repository
from shared.consumer.processor import Processor
from shared.contracts.booking.staff import StaffCommand
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.transport import MovedClock, PostOffice, process_records, record_of

MEETING_SECONDS = 30


class Meeting(Database):
    """A database in which everybody waits for the others once: before reading a booking, or before writing it.

    Without guards nobody locks, versions count for nothing, and all have read before any writes.
    """

    def __init__(self, url: str, barrier: Barrier, *, guarded: bool) -> None:
        super().__init__(url, connections=2)
        self._barrier: Barrier | None = barrier
        self._guarded = guarded

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One whose statements wait."""
        async with super().connection() as connection:
            yield _Waiting(connection, self, guarded=self._guarded)

    async def meet(self) -> None:
        """Wait for the others, the first time."""
        if self._barrier:
            barrier, self._barrier = self._barrier, None
            await asyncio.to_thread(barrier.wait, MEETING_SECONDS)


class _Waiting:
    def __init__(self, connection: Any, meeting: Meeting, *, guarded: bool) -> None:
        self._connection, self._meeting, self._guarded = connection, meeting, guarded

    async def fetch(self, sql: str, *values: Any) -> Any:
        if self._guarded and "FROM sagas" in sql and "FOR UPDATE" in sql:
            await self._meeting.meet()
        return await self._connection.fetch(sql if self._guarded else sql.replace("FOR UPDATE", ""), *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        if not self._guarded and "UPDATE bookings" in sql:
            await self._meeting.meet()
            sql = sql.replace("bookings.xmin::text = new.version", "new.version <> ''")
        return await self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def compete(
    url: str,
    command: StaffCommand,
    now: datetime,
    *,
    guarded: bool,
    barrier: Barrier,
    results: Queue[list[str]],
) -> None:
    """Obey one command; puts the types of what was sent because of it into `results`."""
    results.put(asyncio.run(_compete(Meeting(url, barrier, guarded=guarded), command, now)))


async def _compete(database: Meeting, command: StaffCommand, now: datetime) -> list[str]:
    office, clock = PostOffice(), MovedClock(now)
    await database.open()
    try:
        consumer = Processor(
            routes(Repository()), database, OutboxPublisher(office, database, clock=clock), clock=clock
        )
        await process_records(consumer, [record_of(command)])
        return [message.type_name for message in office.messages]
    finally:
        await database.close()
