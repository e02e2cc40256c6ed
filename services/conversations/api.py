"""What can be read over HTTP: the threads of a tenant, and the messages of a thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, status
from pydantic import BaseModel

from services.conversations.domain.contacts import of_sender
from services.conversations.repository import Repository
from services.conversations.world import Place
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.database import Database


class ThreadView(BaseModel):
    """A thread; without property and room where it is about no apartment. Times are UTC."""

    id: UUID
    contact: str
    property_id: str | None
    room: str | None
    booking_id: UUID | None
    name: str
    participants: dict[str, str]
    first_message_at: datetime
    created_at: datetime
    closed_at: datetime | None


class MessageView(BaseModel):
    """One message, with the provider's id of it. Times are UTC."""

    channel: Channel
    message_id: str
    author: Author
    text: str
    sent_at: datetime
    received_at: datetime


class MessagePage(BaseModel):
    """Messages in the order they were stored; `next` reads on, now or later, and misses none."""

    messages: list[MessageView]
    next: int


def router(database: Database, repository: Repository, place: Place) -> APIRouter:
    """The service's read-only API."""
    api = APIRouter(tags=["conversations"])

    @api.get("/threads")
    async def threads(
        contact: Annotated[str, Query(min_length=1, max_length=100, description="A phone, or a subscriber id.")],
    ) -> list[ThreadView]:
        """Every thread of a tenant, oldest first, under whatever contact it began."""
        found = of_sender(contact.strip(), place.region, subscriber=False)
        async with database.connection() as connection:
            rows = await repository.threads_of(connection, found.main or contact)
        return [_thread(row) for row in rows]

    @api.get("/threads/{thread_id}/messages", responses={404: {"description": "There is no such thread."}})
    async def messages(
        thread_id: UUID,
        after: Annotated[int, Query(ge=0, description="`next` of the last page.")] = 0,
        limit: Annotated[int, Query(ge=1, le=500, description="Most messages in one answer.")] = 100,
    ) -> MessagePage:
        """A thread's messages."""
        async with database.connection() as connection:
            rows = await repository.messages_of(connection, thread_id, after, limit)
        if rows is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such thread; GET /threads lists a tenant's")
        views = [MessageView.model_validate(dict(row)) for row in rows]
        return MessagePage(messages=views, next=rows[-1]["number"] if rows else after)

    return api


def _thread(row: Mapping[str, Any]) -> ThreadView:
    return ThreadView.model_validate(dict(row) | {"participants": json.loads(row["participants"])})
