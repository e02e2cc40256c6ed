"""The alarm clock: finds what is overdue in a service's tables and sends its wake-ups through the outbox."""

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


async def fire_due(database: Database, relay: OutboxPublisher, source: str, find: Find, now: datetime) -> int:
    """Send a wake-up for everything that `find` takes as overdue; returns how many.

    `find` puts what it takes off by a while in the same transaction, so that a wake-up that is lost is sent again.
    """
    async with database.transaction() as connection:
        messages = await find(connection, now)
        rows = [outbox.row_of(Outgoing.of(message), source, None, now) for message in messages]
        await outbox.add(connection, rows, now)
    await relay.send(rows)
    return len(rows)


def timer_loop(
    database: Database, source: str, find: Find, clock: Clock, *, seconds: float = 0.5
) -> Callable[[OutboxPublisher], Awaitable[None]]:
    """A background work that rings again and again; several instances share it by skipping locked rows."""

    async def loop(relay: OutboxPublisher) -> None:
        while True:
            await fire_due(database, relay, source, find, clock())
            await asyncio.sleep(seconds)

    return loop
