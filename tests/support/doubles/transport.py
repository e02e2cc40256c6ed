"""A post office in place of Kafka: keeps what relays send, and loses on demand what a crash would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from aiokafka import ConsumerRecord

from shared.consumer.odd_records import Record
from shared.consumer.processor import Processor
from shared.messages.message import Envelope, Message, message_types
from shared.outbox.row import Row

START = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
_offsets = count()


class Crash(BaseException):
    """The process died here: no handler of faults may catch it."""


class MovedClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


class PostOffice:
    """A transport for one relay; `before` sees each row first, and what it raises stops the sending."""

    def __init__(self, before: Callable[[Row], None] = lambda _: None) -> None:
        self.rows: list[Row] = []
        self._before = before

    async def send(self, row: Row) -> asyncio.Future[Any]:
        """Take a row; it has arrived at once."""
        self._before(row)
        self.rows.append(row)
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arrived.set_result(None)
        return arrived

    def taken(self) -> list[Row]:
        """Every row since the last time."""
        rows, self.rows = self.rows, []
        return rows

    @property
    def messages(self) -> list[Any]:
        """Every row that it keeps, as messages."""
        return [message_of(row) for row in self.rows]


def message_of(row: Row) -> Message:
    """The message in a row."""
    return message_types()[type_of(row)].from_wire(row.body or b"", "")


def type_of(row: Row) -> str:
    """A row's CloudEvents type."""
    return dict(row.headers)["ce_type"].decode()


def record_of_row(row: Row) -> ConsumerRecord[bytes, bytes]:
    """The Kafka record that a row becomes."""
    return raw_record(row.topic, row.body, key=row.key.encode(), headers=row.headers)


def record_of(message: Message, event_id: str | None = None, source: str = "tests") -> ConsumerRecord[bytes, bytes]:
    """The Kafka record that another program would have sent."""
    envelope = Envelope(id=event_id or str(uuid4()), type=message.type_name, source=source, time=START)
    body = message.model_dump_json(exclude_none=True).encode()
    return raw_record(message.topic.name, body, key=message.key.encode(), headers=envelope.headers())


def raw_record(
    topic: str,
    body: bytes | None,
    *,
    key: bytes | None = None,
    headers: Any = (),
    offset: int | None = None,
    timestamp: int = 0,
) -> ConsumerRecord[bytes, bytes]:
    """A Kafka record of any bytes; `timestamp` in milliseconds."""
    sizes = len(key or b""), len(body or b"")
    place = next(_offsets) if offset is None else offset
    return ConsumerRecord(topic, 0, place, timestamp, 0, key, body, None, *sizes, tuple(headers))


async def process_records(processor: Processor, records: Sequence[Record]) -> None:
    """Process records to the end of each: the urgent ones first, then the rest."""
    for batch in processor.decode(records):
        await processor.process_batch(batch)
