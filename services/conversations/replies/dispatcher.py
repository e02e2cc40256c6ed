"""Does what is due outside, between two transactions: sends replies, and keeps the provider's conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from services.conversations.providers.port import KeepsConversations, ReplySender
from services.conversations.replies import store
from services.conversations.replies.rules import next_attempt
from services.conversations.replies.store import ConversationJob, Waiting
from shared.clock import Clock, system_clock
from shared.database.pool import Connection, Database
from shared.errors import CallFailed
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
AT_ONCE = 8
T = TypeVar("T")


class ReplyDispatcher:
    """One instance's; several share the work. `seconds` bounds a provider's answer and must be well below `lease`.

    A crash between a provider's answer and our commit leaves the claim behind, and another attempt follows it: Twilio
    is asked first whether it has the reply, the others cannot be.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, ReplySender],
        *,
        seconds: float,
        lease: timedelta,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._keeper = next((one for one in providers.values() if isinstance(one, KeepsConversations)), None)
        self._seconds = seconds
        self._lease = lease
        self._clock = clock
        self._news = asyncio.Event()

    def ring(self) -> None:
        """Say that there is something to do."""
        self._news.set()

    async def send_for_ever(self, relay: OutboxPublisher) -> None:
        """Send replies as they become due; on cancellation, let go of the providers."""
        del relay
        try:
            while True:
                if not await self.send_replies():
                    await self._wait()
        except asyncio.CancelledError:
            for provider in self._providers.values():
                await provider.close()
            raise

    async def keep_for_ever(self, relay: OutboxPublisher) -> None:
        """Keep the provider's conversations as our threads are."""
        del relay
        while self._keeper:
            if not await self.keep_conversations():
                await asyncio.sleep(POLL_SECONDS)

    async def send_replies(self) -> int:
        """Send what is due now; returns how much that was."""
        now, keeper = self._clock(), self._keeper.name if self._keeper else None
        async with self._database.transaction() as connection:
            claimed = await store.claim_replies(connection, now, self._lease, AT_ONCE, keeper)
        await asyncio.gather(*[self._send(one) for one in claimed])
        return len(claimed)

    async def keep_conversations(self) -> int:
        """Bring to the provider what it must hear of now; returns how much that was."""
        if self._keeper is None:
            return 0
        now = self._clock()
        async with self._database.transaction() as connection:
            claimed = await store.claim_conversations(connection, now, self._lease, AT_ONCE)
        await asyncio.gather(*[self._keep(one, self._keeper) for one in claimed])
        return len(claimed)

    async def _send(self, waiting: Waiting) -> None:
        reply = waiting.reply
        try:
            message_id = await self._asked(self._provider_of(waiting).send(reply))
        except CallFailed as fault:
            again_at = self._again_at(fault, reply.attempt)
            log.warning("reply.not_sent", reply=str(reply.id), problem=fault.problem, final=again_at is None)
            problem = fault.problem
            await self._record(lambda connection, now: store.not_sent(connection, waiting, problem, again_at, now))
        else:
            log.info("reply.sent", reply=str(reply.id), provider=waiting.provider, attempt=reply.attempt)
            await self._record(lambda connection, now: store.sent(connection, waiting, message_id, now))

    def _provider_of(self, waiting: Waiting) -> ReplySender:
        provider = self._providers.get(waiting.provider)
        if provider is None:
            raise CallFailed(f"{waiting.provider} is no longer configured", final=True)
        return provider

    async def _keep(self, errand: ConversationJob, keeper: KeepsConversations) -> None:
        thread = str(errand.conversation.thread_id)
        try:
            conversation = await self._asked(keeper.keep(errand.conversation))
        except CallFailed as fault:
            again_at, problem = self._again_at(fault, errand.attempt), fault.problem
            log.warning("conversation.not_kept", thread=thread, problem=problem, final=again_at is None)
            await self._record(lambda connection, _: store.not_kept(connection, errand, problem, again_at))
        else:
            log.info("conversation.kept", thread=thread, provider_thread_id=conversation)
            await self._record(lambda connection, now: store.kept(connection, errand, conversation, now))

    async def _asked(self, work: Awaitable[T]) -> T:
        """What a provider answers; whatever goes wrong with one errand must not take the others with it."""
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except CallFailed:
            raise
        except TimeoutError as fault:
            raise CallFailed("the provider did not answer in time") from fault
        except Exception as fault:
            log.error("postman.fault", fault=type(fault).__name__)  # noqa: TRY400 — its words may quote an address
            raise CallFailed(type(fault).__name__) from fault

    def _again_at(self, fault: CallFailed, attempt: int) -> datetime | None:
        return None if fault.final else next_attempt(attempt, self._clock())

    async def _record(self, write: Callable[[Connection, datetime], Awaitable[None]]) -> None:
        async with self._database.transaction() as connection:
            await write(connection, self._clock())

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
