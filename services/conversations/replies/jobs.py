"""Replies to send, and conversations to keep at their provider, as jobs.

A crash between a provider's answer and our commit leaves the claim behind, and another attempt follows it: Twilio is
asked first whether it has the reply, the others cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from services.conversations.providers import KeepsConversations, ReplySender
from services.conversations.replies import store
from services.conversations.replies.rules import PAUSES
from services.conversations.replies.store import ConversationJob, Waiting
from shared.clock import Clock, system_clock
from shared.commit_hooks import on_commit
from shared.database.pool import Connection, Database
from shared.errors import CallFailed
from shared.jobs.port import JobLimits, JobStore, JobTransaction, RetrySchedule
from shared.jobs.runner import JobRunner
from shared.jobs.wake import WakeSignal

log = structlog.get_logger(__name__)

AT_ONCE = 8
SOURCE = "posada/conversations"
RETRIES = RetrySchedule(PAUSES)


def job_limits(*, seconds: float, lease: timedelta) -> JobLimits:
    """How one instance works; `seconds` is how long a provider may take."""
    return JobLimits(AT_ONCE, lease, timedelta(seconds=seconds), RETRIES)


def reply_runner(
    database: Database,
    senders: Mapping[str, ReplySender],
    limits: JobLimits,
    *,
    wake: WakeSignal | None = None,
    clock: Clock = system_clock,
) -> JobRunner[Waiting, str]:
    """Sends staff's replies."""
    return JobRunner("replies", database, ReplyJobs(senders), limits, source=SOURCE, clock=clock, wake=wake)


def conversation_runner(
    database: Database, senders: Mapping[str, ReplySender], limits: JobLimits, *, clock: Clock = system_clock
) -> JobRunner[ConversationJob, str] | None:
    """Keeps the provider's conversations as our threads are; None where no provider has any."""
    keeper = _keeper_of(senders)
    if keeper is None:
        return None
    return JobRunner("conversations", database, ConversationJobs(keeper), limits, source=SOURCE, clock=clock)


class ReplyJobs(JobStore[Waiting, str]):
    """What came of a reply is the provider's id of its message."""

    def __init__(self, senders: Mapping[str, ReplySender]) -> None:
        self._senders = senders
        self._keeper = _keeper_of(senders)

    async def claim(
        self, tx: JobTransaction, limit: int, running: Sequence[Waiting], lease: timedelta
    ) -> Sequence[Waiting]:
        """Take replies that are due; those whose provider needs a conversation, once it is there."""
        keeper = self._keeper.name if self._keeper else None
        return await store.claim_replies(tx.connection, tx.now, lease, limit, keeper)

    async def renew(self, connection: Connection, jobs: Sequence[Waiting], until: datetime) -> None:
        """Keep replies for longer."""
        await store.renew_replies(connection, jobs, until)

    async def execute(self, job: Waiting) -> str:
        """Send a reply by its provider."""
        sender = self._senders.get(job.provider)
        if sender is None:
            raise CallFailed(f"{job.provider} is no longer configured", final=True)
        return await sender.send(job.reply)

    async def done(self, tx: JobTransaction, results: Sequence[tuple[Waiting, str]]) -> None:
        """Keep what the provider took as a message of its thread."""
        for job, message_id in results:
            await store.sent(tx.connection, job, message_id, tx.now)
            facts = {"reply": str(job.reply.id), "provider": job.provider, "attempt": job.attempt}
            on_commit(partial(log.info, "reply.sent", **facts))

    async def failed(self, tx: JobTransaction, job: Waiting, failure: CallFailed, retry_at: datetime) -> None:
        """Note why it was not sent."""
        await store.not_sent(tx.connection, job, failure.problem, retry_at, tx.now)

    async def abandon(self, tx: JobTransaction, job: Waiting, failure: CallFailed) -> None:
        """Note that it is not sent at all."""
        await store.not_sent(tx.connection, job, failure.problem, None, tx.now)

    async def close(self) -> None:
        """Close the providers' connections."""
        for sender in self._senders.values():
            await sender.close()


class ConversationJobs(JobStore[ConversationJob, str]):
    """What came of a thread is the provider's id of its conversation."""

    def __init__(self, keeper: KeepsConversations) -> None:
        self._keeper = keeper

    async def claim(
        self, tx: JobTransaction, limit: int, running: Sequence[ConversationJob], lease: timedelta
    ) -> Sequence[ConversationJob]:
        """Take threads that the provider does not have as they are."""
        return await store.claim_conversations(tx.connection, tx.now, lease, limit)

    async def renew(self, connection: Connection, jobs: Sequence[ConversationJob], until: datetime) -> None:
        """Keep threads for longer."""
        await store.renew_conversations(connection, jobs, until)

    async def execute(self, job: ConversationJob) -> str:
        """Have the conversation at the provider."""
        return await self._keeper.keep(job.conversation)

    async def done(self, tx: JobTransaction, results: Sequence[tuple[ConversationJob, str]]) -> None:
        """Note the provider's id; what changed meanwhile is the next job."""
        for job, conversation in results:
            await store.kept(tx.connection, job, conversation, tx.now)
            facts = {"thread": str(job.conversation.thread_id), "provider_thread_id": conversation}
            on_commit(partial(log.info, "conversation.kept", **facts))

    async def failed(self, tx: JobTransaction, job: ConversationJob, failure: CallFailed, retry_at: datetime) -> None:
        """Note why it is not there."""
        await store.not_kept(tx.connection, job, failure.problem, retry_at)

    async def abandon(self, tx: JobTransaction, job: ConversationJob, failure: CallFailed) -> None:
        """Note that it is given up, until a reply needs it."""
        await store.not_kept(tx.connection, job, failure.problem, None)


def _keeper_of(senders: Mapping[str, ReplySender]) -> KeepsConversations | None:
    return next((one for one in senders.values() if isinstance(one, KeepsConversations)), None)
