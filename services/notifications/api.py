"""Notifications over HTTP, for reading: the delivery log, the local outbox, delivery rates and template previews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.notifications.content.rendering import BY_EMAIL_ONLY, Templates
from services.notifications.content.samples import samples
from services.notifications.delivery.calendar import entry_in
from services.notifications.delivery.model import Audience, Channel, Event, Form, Status
from services.notifications.delivery.page import page_in
from services.notifications.repository import Repository
from shared.clock import Clock
from shared.contracts.common import Language
from shared.database.pool import Database
from shared.safety.masking import masked

Limit = Annotated[int, Query(ge=1, le=500, description="Most entries in one answer.")]


class LoggedDelivery(BaseModel):
    """One delivery without its content; the recipient is masked. Times are UTC."""

    number: int
    booking_id: UUID
    occasion: str
    audience: Audience
    channel: Channel
    recipient: str
    status: Status
    form: Form
    attempts: int
    due_at: datetime
    provider: str | None
    provider_id: str | None
    provider_status: str | None
    problem: str | None
    created_at: datetime
    finished_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


class OutboxMessage(BaseModel):
    """One message of the local outbox, as the recipient would read it."""

    number: int
    booking_id: UUID
    occasion: str
    channel: Channel
    recipient: str
    subject: str | None
    text: str
    html: str | None
    calendar: str | None
    created_at: datetime


class ChannelRate(BaseModel):
    """How many of a channel's messages that were finished in the time window arrived; `rate` is from 0 to 1."""

    channel: Channel
    arrived: int
    finished: int
    rate: float


class Preview(BaseModel):
    """A template rendered with a sample."""

    channel: str
    subject: str | None
    text: str
    html: str | None


def router(database: Database, repository: Repository, templates: Templates, clock: Clock) -> APIRouter:
    """The service's read-only API."""
    api = APIRouter(tags=["notifications"])

    @api.get("/deliveries")
    async def deliveries(
        booking_id: UUID | None = None,
        status: Status | None = None,
        channel: Channel | None = None,
        before: Annotated[int | None, Query(description="The number that the last answer ended with.")] = None,
        limit: Limit = 100,
    ) -> list[LoggedDelivery]:
        """The delivery log, newest first."""
        async with database.connection() as connection:
            rows = await repository.log(
                connection, booking_id=booking_id, status=status, channel=channel, before=before, limit=limit
            )
        return [_logged(row) for row in rows]

    @api.get("/outbox")
    async def outbox(
        limit: Limit = 100, booking_id: UUID | None = None, channel: Channel | None = None
    ) -> list[OutboxMessage]:
        """The newest messages of the local outbox, the oldest of them first, with their whole content."""
        async with database.connection() as connection:
            rows = await repository.outbox(connection, limit, booking_id, channel)
        return [_stored(row) for row in rows]

    @api.get("/rates")
    async def rates(hours: Annotated[float, Query(gt=0, le=24 * 31)] = 1) -> list[ChannelRate]:
        """The delivery rate of each channel that sent something in the last hours."""
        async with database.connection() as connection:
            found = await repository.rates(connection, clock() - timedelta(hours=hours))
        return [
            ChannelRate(channel=rate.channel, arrived=rate.arrived, finished=rate.finished, rate=rate.share)
            for rate in found
        ]

    @api.get("/previews/{language}/{event}")
    async def previews(language: Language, event: Event) -> list[Preview]:
        """An event's templates, rendered with each sample."""
        return _previews(templates, language, event)

    return api


def _stored(row: Mapping[str, Any]) -> OutboxMessage:
    entry, page = entry_in(row["calendar"]), page_in(row["page"])
    html = page and page.to_html(row["subject"] or "")
    return OutboxMessage.model_validate(dict(row) | {"calendar": entry and entry.to_ics(), "html": html})


def _logged(row: Mapping[str, Any]) -> LoggedDelivery:
    recipient, problem = row["recipient"], row["problem"]
    shown = masked(recipient)
    visible = dict(row) | {"recipient": shown, "problem": problem and problem.replace(recipient, shown)}
    return LoggedDelivery.model_validate(visible)


def _previews(templates: Templates, language: Language, event: Event) -> list[Preview]:
    forms = {"email": templates.email}
    if event not in BY_EMAIL_ONLY:
        forms |= {"chat": templates.chat, "sms": templates.sms}
    return [
        Preview(channel=name, subject=content.subject, text=content.text, html=content.html)
        for facts in samples(language)[event]
        for name, render in forms.items()
        for content in [render(event, language, facts)]
    ]
