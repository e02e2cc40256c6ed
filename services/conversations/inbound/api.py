"""The webhooks' addresses: a message is committed before its provider is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, HTTPException, Path, Request, status

from services.conversations.providers import PROVIDERS, Unreadable, Webhook
from shared.clock import Clock
from shared.consumer.processor import Deferred, Processor
from shared.contracts.conversations import ChatMessage
from shared.contracts.topics import CONVERSATIONS_MESSAGES, dead
from shared.database.pool import UNAVAILABLE, Database
from shared.http.commands import processor_of
from shared.messages import inbox
from shared.messages.inbound import InboundMessage, Invalid, Serialized
from shared.messages.message import Envelope, digest_of
from shared.observability.metrics import HANDLED
from shared.outbox import dead_letters, outbox
from shared.providers.webhooks import NotGenuine, WebhookCall, call_of

log = structlog.get_logger(__name__)

NAMES = ", ".join(one.name for one in PROVIDERS)
SECONDS = 4.0  # Twilio waits for five
ANSWERS: Mapping[int | str, dict[str, str]] = {
    202: {"description": "The message is in the database; or it was none, and nothing is to be done."},
    401: {"description": "The signature or token does not fit."},
    404: {"description": "There is no such provider."},
    413: {"description": "The body is too large."},
    422: {"description": "It says something else than it should, or is too old; it was set aside for a person."},
    503: {"description": "It could not be taken in, or the webhook is not configured: deliver it again."},
}


def router(
    database: Database,
    webhooks: Sequence[Webhook],
    *,
    public_url: str | None,
    oldest: timedelta,
    clock: Clock,
    seconds: float = SECONDS,
) -> APIRouter:
    """The addresses. `public_url` is what providers know us by; messages written longer than `oldest` ago are refused.

    `seconds` is how long a provider waits for its answer.
    """
    api = APIRouter(tags=["webhooks"])
    by_name = {one.name: one for one in webhooks}
    intake = _Intake(database, oldest, clock)

    @api.post("/webhooks/{provider}", status_code=status.HTTP_202_ACCEPTED, responses=dict(ANSWERS))
    async def take(request: Request, provider: Annotated[str, Path(description=f"One of {NAMES}.")]) -> dict[str, str]:
        """Take in what a provider delivers; answered only when it is stored. A repetition changes nothing."""
        webhook = by_name.get(provider) or _none(provider)
        call = await call_of(request, public_url)
        try:
            webhook.check(call)
        except NotGenuine as stranger:
            HANDLED.labels(f"webhook.{provider}", "not_genuine").inc()
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, str(stranger)) from stranger
        processor = processor_of(request)
        try:
            async with asyncio.timeout(seconds):
                return {"status": await intake.take(processor, webhook, call)}
        except Unreadable as fault:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(fault)) from fault
        except (TimeoutError, *UNAVAILABLE) as outage:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "deliver it again in a moment") from outage

    return api


class _Intake:
    def __init__(self, database: Database, oldest: timedelta, clock: Clock) -> None:
        self._database = database
        self._oldest = oldest
        self._clock = clock

    async def take(self, processor: Processor, webhook: Webhook, call: WebhookCall) -> str:
        """Process a genuine call's message, as one from Kafka; set aside what cannot be read."""
        source = f"webhooks/{webhook.name}"
        try:
            message = webhook.read(call)
        except Unreadable as fault:
            await self._set_aside(webhook, Envelope(str(digest_of(call.body)), "", source), call.body, str(fault))
            raise
        if message is None:
            return "nothing to do"
        message_id = f"{message.channel}/{message.message_id}"
        if self._is_too_old(message):
            problem = f"sent_at: it is more than {self._oldest} ago; `posada dead replay` takes it in all the same"
            envelope, body = Envelope(message_id, message.type_name, source), message.model_dump_json(exclude_none=True)
            await self._set_aside(webhook, envelope, body.encode(), problem, message.key)
            raise Unreadable(problem)
        with suppress(Deferred):  # it is stored as well: for a retry, or as a dead letter
            await processor.execute(message, id=message_id, source=source, deferrable=True)
        return "taken"

    def _is_too_old(self, message: ChatMessage) -> bool:
        return message.sent_at < self._clock() - self._oldest

    async def _set_aside(self, webhook: Webhook, envelope: Envelope, body: bytes, problem: str, key: str = "") -> None:
        """Keep what was refused for a person, once however often it comes."""
        now, service, topic = self._clock(), "conversations", CONVERSATIONS_MESSAGES.name
        envelope = replace(envelope, time=now)
        invalid = Invalid(envelope.type, envelope.reference, body, None, ())
        set_aside = digest_of("set aside", envelope.inbox_key(service, topic))
        raw = Serialized(key.encode(), body, envelope.headers())
        inbound = InboundMessage(raw, envelope, invalid, set_aside, f"{topic}/-1/-1")
        row = dead_letters.row_for(service, dead(service), inbound, fault=problem, now=now)
        async with self._database.transaction() as connection:
            if await inbox.claim(connection, [set_aside], now):
                await outbox.add(connection, [row], now)
        HANDLED.labels(f"webhook.{webhook.name}", "set_aside").inc()
        log.warning("webhook.set_aside", provider=webhook.name, problem=problem)


def _none(provider: str) -> Webhook:
    secrets = {one.name: one.secret for one in PROVIDERS}
    if secret := secrets.get(provider):
        problem = f"this webhook is not configured: set POSADA_{secret.upper()}"
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, problem)
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no such provider: choose one of {NAMES}")
