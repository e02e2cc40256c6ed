"""One process of a race for rooms: the real consumer of availability over the database that all processes share."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

from services.availability.consumers import routes
from services.availability.repository import Repository
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.contracts.availability import HoldRooms, RoomsHeld
from shared.database.pool import Connection, Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.transport import PostOffice, message_of, process_records, record_of, record_of_row

Answers = list[tuple[UUID, tuple[str, ...]]]
MEETING_SECONDS = 20


class Meeting:
    """A repository that waits, the first time, until every process has read: then they write at once."""

    def __init__(self, repository: Repository, barrier: Barrier) -> None:
        self._repository = repository
        self._barrier: Barrier | None = barrier

    async def load(self, connection: Connection, messages: Any, now: datetime) -> Any:
        """Read and lock, then meet."""
        uow = await self._repository.load(connection, messages, now)
        await self._meet()
        return uow

    async def load_optimistic(self, connection: Connection, messages: Any, now: datetime) -> Any:
        """Read, then meet."""
        uow = await self._repository.load_optimistic(connection, messages, now)
        await self._meet()
        return uow

    async def save(self, connection: Connection, uow: Any, now: datetime) -> Any:
        """Write."""
        return await self._repository.save(connection, uow, now)

    async def _meet(self) -> None:
        if self._barrier:
            barrier, self._barrier = self._barrier, None
            await asyncio.to_thread(barrier.wait, MEETING_SECONDS)


def compete(url: str, commands: list[HoldRooms], batch: int, barrier: Barrier, results: Queue[Answers]) -> None:
    """Handle holds in batches; puts the rooms that each got, none for a shortage, into `results`."""
    results.put(asyncio.run(_compete(url, commands, batch, barrier)))


async def _compete(url: str, commands: list[HoldRooms], batch: int, barrier: Barrier) -> Answers:
    database, office = Database(url, connections=2), PostOffice()
    await database.open()
    try:
        table = routes(Meeting(Repository(), barrier))  # type: ignore[arg-type]
        relay = OutboxPublisher(office, database, clock=lambda: system_clock() + timedelta(minutes=5))
        consumer = Processor(table, database, relay)
        for first in range(0, len(commands), batch):
            await process_records(consumer, [record_of(command) for command in commands[first : first + batch]])
        return await _answers(consumer, relay, office, len(commands))
    finally:
        await database.close()


async def _answers(consumer: Processor, relay: OutboxPublisher, office: PostOffice, wanted: int) -> Answers:
    """Every answer; what was put off because rivals kept being first is handed in again when its time has come."""
    answers: Answers = []
    async with asyncio.timeout(MEETING_SECONDS):
        while True:
            for row in office.taken():
                message = message_of(row)
                if isinstance(message, HoldRooms):
                    await process_records(consumer, [record_of_row(row)])
                else:
                    rooms = tuple(one.room for one in message.rooms) if isinstance(message, RoomsHeld) else ()
                    answers.append((message.booking_id, rooms))  # type: ignore[attr-defined]
            if len(answers) == wanted:
                return answers
            await asyncio.sleep(0.02)
            await relay.sweep()
