"""Conversations with each provider, on doubles."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.chat_providers import (
    ACCOUNT,
    SECRET,
    ManyChatDouble,
    TwilioDouble,
    WatiDouble,
    serving,
)
from tests.support.doubles.replies import OURS, ReplyService


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioDouble]:
    async with serving(double := TwilioDouble()):
        yield double


@pytest.fixture
async def wati() -> AsyncIterator[WatiDouble]:
    async with serving(double := WatiDouble()):
        yield double


@pytest.fixture
async def manychat() -> AsyncIterator[ManyChatDouble]:
    async with serving(double := ManyChatDouble()):
        yield double


@pytest.fixture
def at_twilio(database: Database, relay: OutboxPublisher, twilio: TwilioDouble) -> ReplyService:
    return ReplyService(
        database,
        relay,
        twilio_account=ACCOUNT,
        twilio_token=SECRET,
        twilio_whatsapp_from=OURS,
        twilio_conversations_url=twilio.url,
    )


@pytest.fixture
def at_wati(database: Database, relay: OutboxPublisher, wati: WatiDouble) -> ReplyService:
    return ReplyService(database, relay, wati_url=f"{wati.url}/tenant-7", wati_token="w-token")


@pytest.fixture
def at_manychat(database: Database, relay: OutboxPublisher, manychat: ManyChatDouble) -> ReplyService:
    return ReplyService(database, relay, manychat_url=manychat.url, manychat_token="m-token")


@pytest.fixture
def at_home(database: Database, relay: OutboxPublisher) -> ReplyService:
    return ReplyService(database, relay)
