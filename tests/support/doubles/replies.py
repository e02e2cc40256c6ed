"""Conversations with some providers: messages come in, staff write, and what is due is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from fastapi import Depends, FastAPI

from services.conversations.console import api
from services.conversations.consumers import routes
from services.conversations.providers.local import LocalReplies
from services.conversations.providers.registry import senders_of
from services.conversations.replies import api as answering
from services.conversations.replies.api import ProviderRouter
from services.conversations.replies.jobs import conversation_runner, job_limits, reply_runner
from services.conversations.replies.store import Waiting
from services.conversations.repository import Repository
from services.conversations.settings import Settings
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.http.app import answer_refusals, authenticated
from shared.jobs.runner import JobRunner
from shared.jobs.wake import WakeSignal
from shared.outbox.publisher import OutboxPublisher
from tests.database.conversations.test_in_postgres import threads
from tests.support.builders.conversations import NOW, PLACE, record
from tests.support.doubles.transport import MovedClock, process_records

OURS = "+14155238886"
STAFF = {"manager": "recepcion", "assistant": "bot"}
LEASE = timedelta(minutes=1)
LIMITS = job_limits(seconds=5, lease=LEASE)


class ReplyService:
    """Conversations with some providers: messages come in, staff write, and what is due is done."""

    def __init__(self, database: Database, relay: OutboxPublisher, **given: Any) -> None:
        settings = Settings(api_token="t" * 32, **given)
        self.clock = MovedClock(NOW)
        self.database = database
        self.relay = relay
        self.providers = ProviderRouter(senders_of(settings), LocalReplies())
        self.replies = self.another_runner()
        self.conversations = conversation_runner(database, self.providers.all, LIMITS, clock=self.clock)
        repository = Repository(PLACE, STAFF, keeps_conversations=self.conversations is not None)
        self._consumer = Processor(routes(repository), database, relay, clock=self.clock, retry_pauses=())
        app = FastAPI(dependencies=[Depends(authenticated(settings))])
        answer_refusals(app)
        app.include_router(api.router(database, PLACE))
        app.include_router(answering.router(database, self.providers, WakeSignal(), settings, self.clock))
        shown = {"Authorization": f"Bearer {'t' * 32}"}
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside", headers=shown)

    def another_runner(self) -> JobRunner[Waiting, str]:
        """Another instance's."""
        return reply_runner(self.database, self.providers.all, LIMITS, clock=self.clock)

    async def hear(self, *said: Any) -> None:
        """Take messages and bookings in."""
        await process_records(self._consumer, [record(one) for one in said])

    async def write(self, room: str | None = None, text: str = "Claro que sí", key: str = "k1") -> httpx.Response:
        """Write a reply in a room's thread, or the one without."""
        by_room = {thread["room"]: thread["id"] for thread in await threads(self.database)}
        address = f"/threads/{by_room[room]}/replies"
        return await self.http.post(address, json={"text": text}, headers={"Idempotency-Key": key})

    async def go_round(self) -> None:
        """Let the runners do everything that is due now."""
        while await self._keep() + await self.replies.run_due(self.relay):
            pass

    async def _keep(self) -> int:
        return await self.conversations.run_due(self.relay) if self.conversations else 0

    async def wait_and_go_round(self, minutes: int = 15) -> None:
        """The same, after a while."""
        self.clock.forward(timedelta(minutes=minutes))
        await self.go_round()


async def one_thread(database: Database) -> dict[str, Any]:
    (thread,) = await threads(database)
    return dict(thread)
