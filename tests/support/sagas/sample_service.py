"""A service with one table and no hotel in it, to try the engine on: it notes every count that it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiokafka import ConsumerRecord

from shared.consumer.routing import Routes
from shared.contracts.availability import CountAnswered, CountRequested
from shared.database.pool import Connection, Database
from shared.database.statements import Statement
from shared.kafka.topics import Topic
from shared.messages.message import Message
from tests.support.builders.bookings import CHECK_IN
from tests.support.doubles.transport import raw_record

TABLE = "CREATE TABLE IF NOT EXISTS notes (number bigserial PRIMARY KEY, request_id text NOT NULL)"
Break = Callable[[str], None]


class Batch(list[str]):
    """The notes of a batch."""

    @property
    def changes_made(self) -> int:
        """As many as there are notes."""
        return len(self)


class Notes:
    """Notes what it is asked, in the order of asking; `breaks` may raise at one of them."""

    def __init__(self, breaks: Break = lambda _: None) -> None:
        self.breaks = breaks

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> list[str]:
        """Nothing yet."""
        return Batch()

    async def save(self, connection: Connection, uow: list[str], now: datetime) -> Sequence[Statement] | None:
        """Every note of the batch."""
        return [Statement("INSERT INTO notes (request_id) SELECT unnest($1::text[])", (uow,))]

    def note(self, uow: list[str], request: CountRequested, now: datetime) -> Iterable[Message]:
        """Note one and answer it."""
        self.breaks(request.request_id)
        uow.append(request.request_id)
        yield CountAnswered(request_id=request.request_id, success=True, message="noted")

    def routes(self, service: str | None = None, topic: Topic | None = None) -> Routes[Any]:
        """The service's route table, on a topic of its own."""
        service = service or f"notes-{uuid4().hex[:8]}"
        topic = topic or Topic(f"{service}.requests", "", default_type=CountRequested.type_name)
        table: Routes[Any] = Routes(service, (topic,), self)  # type: ignore[arg-type]
        table.on(CountRequested, self.note)
        return table


class OptimisticNotes(Notes):
    """The same without locks as long as nobody is in the way."""

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> list[str]:
        """Nothing yet."""
        return Batch()


def asking(request_id: str) -> CountRequested:
    """A message for the service."""
    return CountRequested(request_id=request_id, check_in=CHECK_IN, check_out=CHECK_IN)


def body(request_id: str) -> bytes:
    """The same as bytes."""
    return asking(request_id).model_dump_json().encode()


def asked(routes: Routes[Any], request_id: str, **more: Any) -> ConsumerRecord[bytes, bytes]:
    """The same as a record on the service's topic."""
    facts = {"headers": [("ce_id", request_id.encode())]} | more
    return raw_record(routes.topics[0].name, body(request_id), **facts)


async def noted(database: Database) -> list[str]:
    """All notes, in order."""
    async with database.connection() as connection:
        return [row[0] for row in await connection.fetch("SELECT request_id FROM notes ORDER BY number")]
