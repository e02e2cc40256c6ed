"""The console over HTTP: pages of threads and messages, searches, unread counts, and marks of what was read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, status
from pydantic import BaseModel, Field

from services.conversations.console import queries
from services.conversations.console.queries import ThreadFilter
from services.conversations.threads import of_sender
from services.conversations.unit_of_work import PhoneRegion
from shared.clock import Clock
from shared.contracts.common import Channel
from shared.contracts.conversations import Attachment, Author
from shared.database.pool import Database
from shared.http.app import require_role
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings

NO_THREAD = "there is no such thread; GET /threads lists them"
MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such thread."}}
MAY_NOT: dict[int | str, dict[str, Any]] = {403: {"description": "No API token is set, so nobody may write."}}

Reader = Annotated[str, Query(min_length=1, max_length=100, description="Who reads: a person, or a group of staff.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Most entries in one answer.")]
Contact = Annotated[str | None, Query(min_length=1, max_length=100, description="A phone, or a subscriber id.")]
Room = Annotated[str | None, Query(max_length=20)]
PropertyId = Annotated[str | None, Query(max_length=100)]


class ThreadView(BaseModel):
    """A thread; property and room are null when it belongs to no apartment. Times are UTC.

    `unread` counts the tenant's messages that the reader has not read; `provider_problem` says why the provider could
    not be told of the thread's last change.
    """

    id: UUID
    contact: str
    property_id: str | None
    room: str | None
    booking_id: UUID | None
    name: str
    participants: dict[str, str]
    provider_thread_id: str | None
    provider_problem: str | None
    first_message_at: datetime
    last_message_at: datetime | None
    last_text: str | None
    last_author: Author | None
    unread: int
    created_at: datetime
    closed_at: datetime | None


class ThreadPage(BaseModel):
    """Threads, the latest message first; `next` is the cursor of the following page, null at the end."""

    threads: list[ThreadView]
    next: str | None


class MessageView(BaseModel):
    """One message, with its id at the provider. Times are UTC, sizes of files in bytes."""

    number: int
    thread_id: UUID
    channel: Channel
    message_id: str
    author: Author
    text: str
    attachments: list[Attachment]
    provider: str | None
    sent_at: datetime
    received_at: datetime


class MessagePage(BaseModel):
    """Messages in the order in which they were stored. Pass `next` as `after` for later ones, now or at any time, and
    `previous` as `before` for earlier ones; it is null at the beginning.
    """

    messages: list[MessageView]
    next: int
    previous: int | None


class Hit(MessageView):
    """A message that was found, with its thread."""

    thread_name: str
    property_id: str | None
    room: str | None


class HitPage(BaseModel):
    """Messages that were found, the newest first; `next` is the cursor of the following page, null at the end."""

    messages: list[Hit]
    next: int | None


class Unread(BaseModel):
    """How many threads and messages a reader has not read."""

    threads: int
    messages: int


class Reading(RequestBody):
    """Up to which message a reader has read."""

    reader: str = Field("staff", min_length=1, max_length=100)
    number: int = Field(ge=0, lt=2**63)


def router(database: Database, region: PhoneRegion) -> APIRouter:
    """The endpoints for threads and their messages."""
    api = APIRouter(tags=["conversations"])
    normalise = _normaliser(region)

    @api.get("/threads")
    async def threads(
        *,
        contact: Contact = None,
        property_id: PropertyId = None,
        room: Room = None,
        booking_id: UUID | None = None,
        open: Annotated[bool | None, Query(description="Only open ones, or only closed ones.")] = None,  # noqa: A002
        unread: Annotated[bool, Query(description="Only those with something to read.")] = False,
        reader: Reader = "staff",
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the last page.")] = None,
        limit: Limit = 50,
    ) -> ThreadPage:
        """Threads, the latest message first. `contact` also finds threads under other contacts of the same tenant."""
        wanted = ThreadFilter(normalise(contact), property_id, room, booking_id, open, unread)
        async with database.connection() as connection:
            rows = await queries.threads(connection, wanted, reader, _position(cursor), limit)
        following = _cursor(rows[-1]["moment"], rows[-1]["id"]) if len(rows) == limit else None
        return ThreadPage(threads=[_thread(row) for row in rows], next=following)

    @api.get("/threads/{thread_id}", responses=MISSING)
    async def thread(thread_id: UUID, reader: Reader = "staff") -> ThreadView:
        """One thread."""
        async with database.connection() as connection:
            row = await queries.thread(connection, thread_id, reader)
        if row is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, NO_THREAD)
        return _thread(row)

    @api.get("/threads/{thread_id}/messages", responses=MISSING)
    async def messages(
        thread_id: UUID,
        after: Annotated[int, Query(ge=0, lt=2**63, description="`next` of the last page.")] = 0,
        before: Annotated[int | None, Query(ge=0, lt=2**63, description="`previous` of the last page.")] = None,
        limit: Limit = 100,
    ) -> MessagePage:
        """A thread's messages: those after a number, or the last ones before one."""
        async with database.connection() as connection:
            rows = await queries.messages(connection, thread_id, after=after, before=before, limit=limit)
        if rows is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, NO_THREAD)
        first = rows[0]["number"] if rows and (before is None or len(rows) == limit) else None
        last = rows[-1]["number"] if rows else after
        return MessagePage(messages=[MessageView(**row) for row in rows], next=last, previous=first)

    return api


def searching_router(database: Database, region: PhoneRegion) -> APIRouter:
    """The endpoints over all threads: search and unread counts."""
    api = APIRouter(tags=["conversations"])
    normalise = _normaliser(region)

    @api.get("/messages")
    async def search(
        *,
        q: Annotated[str, Query(min_length=1, max_length=200, description="Words, or beginnings of words.")],
        contact: Contact = None,
        property_id: PropertyId = None,
        room: Room = None,
        cursor: Annotated[int | None, Query(ge=0, lt=2**63, description="`next` of the last page.")] = None,
        limit: Limit = 50,
    ) -> HitPage:
        """Messages with all of these words, the newest first; case and accents are ignored."""
        if (words := queries.query_of(q)) is None:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "q: it has no word in it; give one")
        wanted = ThreadFilter(normalise(contact), property_id, room)
        async with database.connection() as connection:
            rows = await queries.search(connection, words, wanted, cursor, limit)
        following = rows[-1]["number"] if len(rows) == limit else None
        return HitPage(messages=[Hit(**row) for row in rows], next=following)

    @api.get("/unread")
    async def unread(reader: Reader = "staff") -> Unread:
        """How much a reader has not read."""
        async with database.connection() as connection:
            return Unread(**await queries.unread(connection, reader))

    return api


def reading_router(database: Database, settings: ServiceSettings, clock: Clock) -> APIRouter:
    """The endpoint that marks messages as read."""
    api = APIRouter(tags=["conversations"], dependencies=[Depends(require_role(settings))], responses=MAY_NOT)

    @api.put("/threads/{thread_id}/read", status_code=status.HTTP_204_NO_CONTENT, responses=MISSING)
    async def read(thread_id: UUID, reading: Reading) -> None:
        """Mark messages as read up to a number: at most the thread's last message, and never fewer than before."""
        async with database.transaction() as connection:
            if not await queries.read(connection, thread_id, reading.reader, reading.number, clock()):
                raise HTTPException(status.HTTP_404_NOT_FOUND, NO_THREAD)

    return api


def _normaliser(region: PhoneRegion) -> Callable[[str | None], str | None]:
    def normalise(contact: str | None) -> str | None:
        if contact is None:
            return None
        return of_sender(contact.strip(), region.region, subscriber=False).main or contact

    return normalise


def _thread(row: Mapping[str, Any]) -> ThreadView:
    return ThreadView.model_validate(dict(row) | {"provider_problem": row["errand_problem"]})


def _cursor(moment: datetime, thread_id: UUID) -> str:
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {thread_id}".encode()).decode()


def _position(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        moment, thread_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        return datetime.fromisoformat(moment), UUID(thread_id)
    except ValueError as fault:
        problem = "cursor: it is not valid; give `next` of the last page, or leave it out"
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, problem) from fault
