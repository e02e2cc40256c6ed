"""Timers: find what is overdue in a service's tables and send its wake-ups through the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from shared.clock import Clock
from shared.database.pool import Connection, Database
from shared.messages.message import Message, Outgoing
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher

Find = Callable[[Connection, datetime], Awaitable[Sequence[Message]]]


async def fire_due(database: Database, publisher: OutboxPublisher, source: str, find: Find, now: datetime) -> int:
    """Send a wake-up for everything that `find` gives as overdue; returns how many.

    `find` postpones it in the same transaction, so that a wake-up that is lost is sent again later.
    """
    async with database.transaction() as connection:
        messages = await find(connection, now)
        rows = [outbox.row_of(Outgoing.of(message), source, None, now) for message in messages]
        await outbox.add(connection, rows, now)
    await publisher.send(rows)
    return len(rows)


def timer_loop(
    database: Database, source: str, find: Find, clock: Clock, *, seconds: float = 0.5
) -> Callable[[OutboxPublisher], Awaitable[None]]:
    """A background work that fires timers every `seconds`; instances share it by skipping locked rows."""

    async def loop(publisher: OutboxPublisher) -> None:
        while True:
            await fire_due(database, publisher, source, find, clock())
            await asyncio.sleep(seconds)

    return loop
