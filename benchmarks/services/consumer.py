"""One instance of a service whose consumer is called directly: its repository and statements, without Kafka."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiokafka import ConsumerRecord
from rich.console import Console
from rich.table import Table

from benchmarks.bookings.spending import seconds_of
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.consumer.routing import Routes
from shared.database.pool import Database
from shared.messages.message import Envelope, Message
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row

AT_ONCE = 8

_offsets = itertools.count()
stderr = Console(stderr=True, width=150)


class Nowhere:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    async def send(self, row: Row) -> asyncio.Future[Any]:
        """Keep a row; it has arrived at once."""
        self.rows.append(row)
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arrived.set_result(None)
        return arrived


class Teller:
    """One instance of a service: takes messages and returns what it answered."""

    def __init__(self, database: Database, routes: Routes[Any]) -> None:
        self.transport = Nowhere()
        relay = OutboxPublisher(self.transport, database)
        retry_pauses = [timedelta()] * 100  # a rival that is always first: again, at once
        self._consumer = Processor(routes, database, relay, retry_pauses=retry_pauses)

    async def tell(self, *messages: Message) -> None:
        """Handle a batch; what is put off is handled again until it is answered."""
        await self._process([record_of(message) for message in messages])
        while again := [row for row in self.transport.rows if row.topic.endswith(".internal")]:
            self.transport.rows = [row for row in self.transport.rows if row not in again]
            await self._process([record_of_row(row) for row in again])

    async def _process(self, records: Sequence[Any]) -> None:
        for batch in self._consumer.decode(records):
            await self._consumer.process_batch(batch)

    def answers(self, kind: type[Message] | None = None) -> int:
        """How many messages were answered since the last time, or answered in one way."""
        rows, self.transport.rows = self.transport.rows, []
        wanted = kind.type_name.encode() if kind else None
        return sum(1 for row in rows if wanted is None or dict(row.headers)["ce_type"] == wanted)


async def times_of(
    instances: Sequence[Teller], make: Callable[[], Message], warm_up: int, samples: int, answer: type[Message] | None
) -> list[float]:
    """How long each message took, in seconds, given one by one to each instance at the same time.

    Raises:
        SystemExit: when one is not answered, or not as it should be: the figures would mean nothing.
    """

    async def one(teller: Teller) -> list[float]:
        times = []
        for _ in range(warm_up // len(instances) + samples // len(instances)):
            message = make()
            began = time.perf_counter()
            await teller.tell(message)
            times.append(time.perf_counter() - began)
            if teller.answers(answer) != 1:
                raise SystemExit(f"{message.type_name} was not answered as it should be: no figures")
        return times[warm_up // len(instances) :]

    found = await asyncio.gather(*[one(teller) for teller in instances])
    return [seconds for times in found for seconds in times]


async def rate_and_percentiles(
    name: str,
    tellers: Sequence[Teller],
    make: Callable[[], Message],
    warm_up: int,
    samples: int,
    *,
    answer: type[Message] | None = None,
) -> dict[str, Any]:
    """Percentiles of the first instance alone, in milliseconds; messages a second of all others together, and what
    processor time each took of this process and the database.

    With `answer` every message must be answered by that type.
    """
    alone = await times_of(tellers[:1], make, warm_up, samples, answer)
    began, spent = time.perf_counter(), seconds_of(os.getpid())
    together = await times_of(tellers[1:], make, 0, samples, answer)
    rate = len(together) / (time.perf_counter() - began)
    spent = seconds_of(os.getpid()) - spent
    return {
        f"{name}s/s": round(rate),
        f"{name} p50 ms": ms(statistics.median(alone)),
        f"{name} p99 ms": ms(sorted(alone)[int(len(alone) * 0.99)]),
        f"{name} CPU ms": ms(spent / len(together)),
    }


def record_of(message: Message) -> ConsumerRecord[bytes, bytes]:
    """A Kafka record of a message, each time another one."""
    envelope = Envelope(id=str(uuid4()), type=message.type_name, source="bench", time=system_clock())
    body = message.model_dump_json(exclude_none=True).encode()
    return _raw(message.topic.name, message.key, body, envelope.headers())


def record_of_row(row: Row) -> ConsumerRecord[bytes, bytes]:
    """The Kafka record that a row becomes."""
    return _raw(row.topic, row.key, row.body or b"", row.headers)


def _raw(topic: str, key: str, body: bytes, headers: Sequence[Any]) -> ConsumerRecord[bytes, bytes]:
    # An offset of its own: the inbox knows a question that may be repeated by its record.
    return ConsumerRecord(topic, 0, next(_offsets), 0, 0, key.encode(), body, None, len(key), len(body), tuple(headers))


def ms(seconds: float) -> float:
    """Milliseconds, to be shown."""
    return round(seconds * 1000, 2)


def table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Figures for people, a column for each."""
    made = Table(title=title, title_justify="left")
    for name in rows[0]:
        made.add_column(name, justify="right")
    for row in rows:
        made.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()])
    return made
