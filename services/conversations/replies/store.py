"""The queries of what is done outside: replies to send, and conversations to keep at the provider.

A claim is a lease: what an instance took and never finished is another's when the lease ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.conversations.providers import Conversation, Reply
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.database.pool import Connection

_LAST_FROM_TENANT = """
SELECT channel, provider, sender, sent_at FROM messages
WHERE thread_id = $1 AND author = 'tenant' ORDER BY sent_at DESC, number DESC LIMIT 1"""
# A provider's window is the tenant's, whichever of their threads a message went to.
_HEARD_AT = """
SELECT max(sent_at) FROM messages
WHERE author = 'tenant' AND channel = $2 AND thread_id IN (
    SELECT other.id FROM threads AS other JOIN threads AS ours ON other.contact = ours.contact WHERE ours.id = $1)"""
_THREAD = "SELECT id, contact, closed_at FROM threads WHERE id = $1"
_ADD = """
INSERT INTO replies (id, thread_id, idempotency_key, author, text, channel, provider, recipient, status, due_at,
                     created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $9)
ON CONFLICT (thread_id, idempotency_key) DO NOTHING"""
# For threads of before the provider was configured, and those that were given up.
_WANT_CONVERSATION = """
UPDATE threads SET errand_due_at = $2, errand_attempts = 0
WHERE id = $1 AND provider_thread_id IS NULL AND errand_due_at IS NULL"""
_BY_KEY = "SELECT * FROM replies WHERE thread_id = $1 AND idempotency_key = $2"
_BY_ID = "SELECT * FROM replies WHERE id = $1"
_OF_THREAD = "SELECT * FROM replies WHERE thread_id = $1 ORDER BY created_at DESC, id LIMIT $2"
# A thread's replies keep their order: the next one waits for the end of the one before, and the first for the
# conversation that its provider needs.
_CLAIM_REPLIES = """
UPDATE replies SET due_at = $2, attempts = attempts + 1
FROM threads
WHERE threads.id = replies.thread_id AND replies.id IN (
    SELECT id FROM replies AS due
    WHERE due_at <= $1 AND NOT EXISTS (
        SELECT FROM replies AS earlier
        WHERE earlier.thread_id = due.thread_id AND earlier.due_at IS NOT NULL
          AND (earlier.created_at, earlier.id) < (due.created_at, due.id))
      AND NOT EXISTS (
        SELECT FROM threads WHERE threads.id = due.thread_id AND due.provider = $4::text
          AND threads.provider_thread_id IS NULL AND threads.errand_due_at IS NOT NULL)
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING replies.*, threads.provider_thread_id, threads.participants"""
# One that was recorded or claimed by another meanwhile has another attempt, or nothing due.
_RENEW_REPLIES = """
UPDATE replies SET due_at = $3 FROM unnest($1::uuid[], $2::int[]) AS ours (id, attempts)
WHERE replies.id = ours.id AND replies.attempts = ours.attempts AND due_at IS NOT NULL"""
_LOCK_THREAD = "SELECT FROM threads WHERE id = $1 FOR UPDATE"
_KEEP_MESSAGE = """
INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at, provider)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (channel, message_id) DO NOTHING"""
_TOUCH_THREAD = "UPDATE threads SET last_message_at = greatest(last_message_at, $2) WHERE id = $1"
_SENT = """
UPDATE replies SET status = 'sent', due_at = NULL, message_id = $2, problem = NULL, finished_at = $3 WHERE id = $1"""
_NOT_SENT = """
UPDATE replies SET status = CASE WHEN $2::timestamptz IS NULL THEN 'failed' ELSE 'waiting' END, due_at = $2,
    problem = $3, finished_at = CASE WHEN $2::timestamptz IS NULL THEN $4::timestamptz END
WHERE id = $1"""
_CLAIM_CONVERSATIONS = """
UPDATE threads SET errand_due_at = $2, errand_attempts = errand_attempts + 1
WHERE id IN (SELECT id FROM threads WHERE errand_due_at <= $1 ORDER BY errand_due_at LIMIT $3
             FOR UPDATE SKIP LOCKED)
RETURNING *, (SELECT channel FROM messages WHERE messages.thread_id = threads.id AND author = 'tenant'
              ORDER BY number DESC LIMIT 1) AS channel,
          NOT EXISTS (SELECT FROM threads AS other
                      WHERE other.contact = threads.contact AND other.last_message_at > threads.last_message_at)
              AS current"""
_RENEW_CONVERSATIONS = """
UPDATE threads SET errand_due_at = $3 FROM unnest($1::uuid[], $2::int[]) AS ours (id, attempts)
WHERE threads.id = ours.id AND errand_attempts = ours.attempts AND errand_due_at IS NOT NULL"""
# What changed while we were away is the next job.
_KEPT = """
UPDATE threads SET provider_thread_id = coalesce(provider_thread_id, $2), errand_problem = NULL, errand_attempts = 0,
    errand_due_at = CASE WHEN name = $3 AND participants = $4::jsonb THEN NULL ELSE $5::timestamptz END
WHERE id = $1"""
_NOT_KEPT = "UPDATE threads SET errand_due_at = $2, errand_problem = $3 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply with its place; `keeps` says that its provider needs a conversation for the thread."""

    reply: Reply
    thread_id: UUID
    provider: str
    keeps: bool = False

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.reply.attempt


@dataclass(frozen=True, slots=True)
class ConversationJob:
    """A claimed thread as its provider should have it; `attempt` counts from 1."""

    conversation: Conversation
    attempt: int


async def thread(connection: Connection, thread_id: UUID) -> Mapping[str, Any] | None:
    """A thread's contact, and whether it is closed."""
    return await connection.fetchrow(_THREAD, thread_id)


async def last_from_tenant(connection: Connection, thread_id: UUID) -> Mapping[str, Any] | None:
    """How the tenant wrote last: channel, provider, sender and when."""
    return await connection.fetchrow(_LAST_FROM_TENANT, thread_id)


async def heard_at(connection: Connection, thread_id: UUID, channel: Channel) -> datetime | None:
    """When a thread's tenant last wrote on a channel, in whichever thread."""
    moment: datetime | None = await connection.fetchval(_HEARD_AT, thread_id, channel.value)
    return moment


async def add_reply(
    connection: Connection, waiting: Waiting, idempotency_key: str, now: datetime
) -> Mapping[str, Any] | None:
    """Write a reply down, and return the one that stands under its key: this one, or an earlier one."""
    reply = waiting.reply
    await connection.execute(
        _ADD,
        reply.id,
        waiting.thread_id,
        idempotency_key,
        reply.author.value,
        reply.text,
        reply.channel.value,
        waiting.provider,
        reply.recipient,
        now,
    )
    if waiting.keeps:
        await connection.execute(_WANT_CONVERSATION, waiting.thread_id, now)
    return await connection.fetchrow(_BY_KEY, waiting.thread_id, idempotency_key)


async def known_reply(connection: Connection, thread_id: UUID, idempotency_key: str) -> Mapping[str, Any] | None:
    """The reply that stands under a key."""
    return await connection.fetchrow(_BY_KEY, thread_id, idempotency_key)


async def reply_of(connection: Connection, reply_id: UUID) -> Mapping[str, Any] | None:
    """One reply."""
    return await connection.fetchrow(_BY_ID, reply_id)


async def replies_of(connection: Connection, thread_id: UUID, limit: int) -> list[Mapping[str, Any]]:
    """A thread's replies, the newest first."""
    return list(await connection.fetch(_OF_THREAD, thread_id, limit))


async def claim_replies(
    connection: Connection, now: datetime, lease: timedelta, limit: int, keeper: str | None
) -> list[Waiting]:
    """Take replies that are due; those through `keeper` only once it has their conversation."""
    return [_waiting(row) for row in await connection.fetch(_CLAIM_REPLIES, now, now + lease, limit, keeper)]


async def renew_replies(connection: Connection, replies: Sequence[Waiting], until: datetime) -> None:
    """Keep replies that are being sent until then."""
    ids, attempts = [one.reply.id for one in replies], [one.attempt for one in replies]
    await connection.execute(_RENEW_REPLIES, ids, attempts, until)


async def sent(connection: Connection, waiting: Waiting, message_id: str, now: datetime) -> None:
    """Keep what a provider took as a message of its thread."""
    reply = waiting.reply
    await connection.execute(_LOCK_THREAD, waiting.thread_id)
    facts = (reply.channel.value, message_id, reply.author.value, reply.text, now, waiting.provider)
    await connection.execute(_KEEP_MESSAGE, waiting.thread_id, *facts)
    await connection.execute(_TOUCH_THREAD, waiting.thread_id, now)
    await connection.execute(_SENT, reply.id, message_id, now)


async def not_sent(
    connection: Connection, waiting: Waiting, problem: str, again_at: datetime | None, now: datetime
) -> None:
    """Note why a reply was not sent, and when it is tried again; None gives it up."""
    await connection.execute(_NOT_SENT, waiting.reply.id, again_at, problem, now)


async def claim_conversations(
    connection: Connection, now: datetime, lease: timedelta, limit: int
) -> list[ConversationJob]:
    """Take threads that the provider does not have as they are."""
    return [_conversation_job(row) for row in await connection.fetch(_CLAIM_CONVERSATIONS, now, now + lease, limit)]


async def renew_conversations(connection: Connection, jobs: Sequence[ConversationJob], until: datetime) -> None:
    """Keep threads that are being brought to the provider until then."""
    ids, attempts = [one.conversation.thread_id for one in jobs], [one.attempt for one in jobs]
    await connection.execute(_RENEW_CONVERSATIONS, ids, attempts, until)


async def kept(connection: Connection, job: ConversationJob, provider_thread_id: str, now: datetime) -> None:
    """Note that the provider has a thread as it was claimed."""
    one = job.conversation
    await connection.execute(_KEPT, one.thread_id, provider_thread_id, one.name, dict(one.participants), now)


async def not_kept(connection: Connection, job: ConversationJob, problem: str, again_at: datetime | None) -> None:
    """Note why the provider does not have it, and when it is tried again; None gives it up."""
    await connection.execute(_NOT_KEPT, job.conversation.thread_id, again_at, problem)


def _waiting(row: Mapping[str, Any]) -> Waiting:
    reply = Reply(
        id=row["id"],
        text=row["text"],
        author=Author(row["author"]),
        channel=Channel(row["channel"]),
        recipient=row["recipient"],
        participants=row["participants"],
        conversation=row["provider_thread_id"],
        attempt=row["attempts"],
    )
    return Waiting(reply, row["thread_id"], row["provider"])


def _conversation_job(row: Mapping[str, Any]) -> ConversationJob:
    conversation = Conversation(
        thread_id=row["id"],
        name=row["name"],
        participants=row["participants"],
        channel=Channel(row["channel"] or Channel.WHATSAPP),
        tenant=row["contact"],
        conversation=row["provider_thread_id"],
        current=row["current"],
    )
    return ConversationJob(conversation, row["errand_attempts"])
