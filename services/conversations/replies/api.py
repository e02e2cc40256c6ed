"""Staff's replies over HTTP: written down with their key at once, sent right afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, HTTPException, Query, status
from pydantic import BaseModel, StringConstraints

from services.conversations.console import MAY_NOT, MISSING, NO_THREAD
from services.conversations.providers import KeepsConversations, Reply, ReplySender
from services.conversations.replies import store
from services.conversations.replies.rules import refuse_late, refuse_long
from services.conversations.replies.store import Waiting
from services.conversations.threads import is_phone
from shared.clock import Clock
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.database.pool import Connection, Database
from shared.errors import Refusal
from shared.http.app import require_role
from shared.jobs.wake import WakeSignal
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="Yours for this reply: the same key again sends nothing twice.",
    ),
]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")]
Role = Literal["manager", "assistant"]


class ReplyWish(RequestBody):
    """What staff want to say in a thread."""

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")
    ]
    author: Role = "manager"


class ReplyView(BaseModel):
    """A reply: waiting, sent, or failed with the problem. `message_id` is the provider's. Times are UTC."""

    id: UUID
    thread_id: UUID
    author: Author
    text: str
    channel: Channel
    provider: str
    status: Literal["waiting", "sent", "failed"]
    attempts: int
    message_id: str | None
    problem: str | None
    created_at: datetime
    finished_at: datetime | None


class ProviderRouter:
    """Which provider takes what: the one that brought the tenant's last message, else the channel's first."""

    def __init__(self, providers: Mapping[Channel, list[ReplySender]], fallback: ReplySender) -> None:
        self._providers = providers
        self._fallback = fallback

    def provider_for(self, channel: Channel, brought_by: str | None) -> ReplySender:
        """The provider of a reply."""
        able = self._providers.get(channel, [])
        return next((one for one in able if one.name == brought_by), able[0] if able else self._fallback)

    @property
    def all(self) -> dict[str, ReplySender]:
        """Each provider by its name."""
        several = [one for able in self._providers.values() for one in able]
        return {one.name: one for one in (self._fallback, *several)}


def router(
    database: Database,
    providers: ProviderRouter,
    wake: WakeSignal,
    settings: ServiceSettings,
    clock: Clock,
) -> APIRouter:
    """Replies: writing one, and what became of it."""
    api = APIRouter(tags=["replies"])

    @api.post(
        "/threads/{thread_id}/replies",
        status_code=status.HTTP_202_ACCEPTED,
        dependencies=[Depends(require_role(settings))],
        responses={
            **MISSING,
            **MAY_NOT,
            409: {"description": "The thread is closed, or the key stands for another reply."},
            422: {"description": "The text is too long, or the channel's 24 hours are over."},
        },
    )
    async def reply(thread_id: UUID, wish: ReplyWish, idempotency_key: Key) -> ReplyView:
        """Write a reply down; it is sent at once, by the way that the tenant wrote last."""
        async with database.transaction() as connection:
            known = await store.known_reply(connection, thread_id, idempotency_key)
            if known is None:
                waiting = await _addressed(connection, thread_id, wish, providers, clock())
                known = await store.add_reply(connection, waiting, idempotency_key, clock())
        if known is None or (known["text"], known["author"]) != (wish.text, wish.author):
            problem = "Idempotency-Key: it stands for another reply in this thread; choose a new one"
            raise HTTPException(status.HTTP_409_CONFLICT, problem)
        wake.set()
        return _view(known)

    @api.get("/threads/{thread_id}/replies")
    async def replies(
        thread_id: UUID, limit: Annotated[int, Query(ge=1, le=500, description="Most entries in one answer.")] = 50
    ) -> list[ReplyView]:
        """A thread's replies, the newest first; those that were sent are among its messages too."""
        async with database.connection() as connection:
            return [_view(row) for row in await store.replies_of(connection, thread_id, limit)]

    @api.get("/replies/{reply_id}", responses={404: {"description": "There is no such reply."}})
    async def one_reply(reply_id: UUID) -> ReplyView:
        """What became of a reply."""
        async with database.connection() as connection:
            row = await store.reply_of(connection, reply_id)
        if row is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such reply; POST returned its id")
        return _view(row)

    return api


async def _addressed(
    connection: Connection, thread_id: UUID, wish: ReplyWish, providers: ProviderRouter, now: datetime
) -> Waiting:
    """The reply with its way to the tenant; raises Refusal where it may not be sent."""
    thread = await store.thread(connection, thread_id)
    if thread is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_THREAD)
    if thread["closed_at"]:
        problem = "the thread is closed; write in the one of the tenant's apartment"
        raise HTTPException(status.HTTP_409_CONFLICT, problem)
    last = await store.last_from_tenant(connection, thread_id)
    if last is None and not is_phone(thread["contact"]):
        raise Refusal("no_channel", "the tenant never wrote in this thread: their channel is not known")
    channel = Channel(last["channel"]) if last else Channel.WHATSAPP
    provider = providers.provider_for(channel, last["provider"] if last else None)
    refuse_late(channel, await store.heard_at(connection, thread_id, channel), now)
    refuse_long(wish.text, provider.longest)
    recipient = _recipient(channel, thread["contact"], last["sender"] if last else None)
    reply = Reply(uuid4(), wish.text, Author(wish.author), channel, recipient, {})
    return Waiting(reply, thread_id, provider.name, keeps=isinstance(provider, KeepsConversations))


def _recipient(channel: Channel, contact: str, sender: str | None) -> str:
    """Whom the channel knows the tenant as: a subscriber keeps the id, whatever contact the thread stands under now."""
    by_phone = channel in {Channel.WHATSAPP, Channel.SMS} and is_phone(contact)
    return contact if by_phone else sender or contact


def _view(row: Mapping[str, Any]) -> ReplyView:
    return ReplyView.model_validate(dict(row))
