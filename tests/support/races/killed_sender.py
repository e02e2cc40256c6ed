"""Senders as processes of their own, to be killed: the real runner, adapters and repository, without Kafka.

The program forks one sender for each line that it reads, and prints its process id: a fork starts at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from uuid import UUID

import structlog

from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import Channel, Content, Delivery
from services.notifications.providers.registry import senders_of
from services.notifications.repository import Repository, UnitOfWork
from services.notifications.settings import Settings
from shared.clock import system_clock
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import a_composer, a_delivery
from tests.support.doubles.transport import PostOffice
from tests.support.scale import scaled

MESSAGES = scaled(2000, part=500)
BETWEEN = 0.01  # seconds between two messages that come
LEASE = timedelta(seconds=1)


def message(number: int, channel: Channel) -> Delivery:
    """The message with a number, always the same."""
    recipient = f"guest{number}@example.com" if channel is Channel.EMAIL else f"5037{number:07d}"
    content = Content(f"Mensaje {number}", f"Mensaje {number}" if channel is Channel.EMAIL else None)
    return a_delivery(channel, recipient, booking_id=UUID(int=number + 1), content=content)


async def send(database_url: str, settings: Settings, channel: Channel) -> None:
    """Write one message after another, as events would, and send each, until somebody kills this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    wake = WakeSignal()
    database = Database(database_url, connections=3)
    await database.open()
    composer = a_composer(local=())
    repository = Repository(composer, wake)
    runner = delivery_runner(
        database, repository, composer, senders_of(settings), at_once=16, send_seconds=0.5, lease=LEASE, wake=wake
    )
    sending = asyncio.create_task(runner.run(OutboxPublisher(PostOffice(), database)))
    async with database.connection() as connection:
        written = await connection.fetchval("SELECT count(*) FROM deliveries")
    for number in range(written, MESSAGES):
        async with database.transaction() as connection:
            await repository.save(connection, UnitOfWork(composer, [message(number, channel)]), system_clock())
        wake.set()
        await asyncio.sleep(BETWEEN)
    await sending


def main() -> None:
    """Fork a sender for each line."""
    database_url, settings, channel = sys.argv[1:]
    given = Settings.model_validate(json.loads(settings))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        process = os.fork()
        if process == 0:
            asyncio.run(send(database_url, given, Channel(channel)))
            os._exit(0)
        print(process, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
