"""Payments put together as in earnest on a real database: told by hand over Kafka, asked over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from services.payments.app import build
from services.payments.requests.terms import Unfound
from services.payments.settings import OwnTerms, Settings
from shared.consumer.processor import Processor
from shared.contracts.topics import internal
from shared.database.pool import Database
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.payments import Post, Ticking, record_of, record_of_row
from tests.support.doubles.transport import process_records

TOKEN = "a token for tests, a long one too"  # noqa: S105
WAITING = OwnTerms(unfound=Unfound.WAIT_FOR_STAFF, staff_hours=12)
_NEXT = "SELECT min(due_at) FROM outbox WHERE due_at > $1 AND topic = 'posada.payments.internal'"


class House:
    """Payments put together as in earnest, told by hand over Kafka and asked over HTTP."""

    def __init__(self, database: Database, url: str, token: str | None = TOKEN, **more: Any) -> None:
        self.database, self.clock, self.post = database, Ticking(), Post()
        settings = Settings(
            database_url=SecretStr(url),
            api_token=SecretStr(token) if token else None,
            **{"property_terms": {"las-hojas": WAITING}} | more,
        )
        service = build(settings, self.clock)
        service.database._pool = database._pool  # the test's own, open already
        service.database._http_pool = database._http_pool
        self.relay = OutboxPublisher(self.post, database, clock=self.clock)
        self.consumer = Processor(service.routes, database, self.relay, clock=self.clock, retry_pauses=())
        app = service.app()
        app.state.processor = self.consumer
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://payments",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    async def tell(self, *messages: Message) -> list[Message]:
        await process_records(self.consumer, [record_of(message) for message in messages])
        return self.post.taken()

    async def sent(self) -> list[Message]:
        """What the outbox holds for now, as the sweeper would send it."""
        await self.relay.sweep()
        return self.post.taken()

    async def ring(self) -> list[Message]:
        async with self.database.connection() as connection:
            self.clock.now = await connection.fetchval(_NEXT, self.clock())
        await self.relay.sweep()
        timers = [row for row in self.post.rows if row.topic == internal("payments").name]
        self.post.rows = []
        await process_records(self.consumer, [record_of_row(row) for row in timers])
        return self.post.taken()

    async def put(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def reserved(self) -> Decimal:
        async with self.database.connection() as connection:
            total: Decimal = await connection.fetchval("SELECT coalesce(sum(reserved), 0) FROM payments")
            return total

    async def database_state(self) -> list[Any]:
        """Everything about money that is written down."""
        async with self.database.connection() as connection:
            return [
                await connection.fetch("SELECT * FROM payments ORDER BY id"),
                await connection.fetch("SELECT * FROM payment_requests ORDER BY booking_id"),
                await connection.fetch("SELECT * FROM ledger ORDER BY number"),
            ]
