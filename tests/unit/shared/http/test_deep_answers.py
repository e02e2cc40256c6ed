"""An outside system's answer that is nested without end is an answer like any other that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import services
from services.availability.external.adapters.pms import _json
from services.availability.external.port import InventoryUnavailable
from services.conversations.providers.webhook import Unreadable, read_json
from services.payments.feeds.http import HttpFeed
from services.payments.feeds.port import FeedDown
from shared.errors import CallFailed
from shared.outbound.client import json_in
from shared.providers.http import maybe_object, read_object
from shared.providers.webhooks import WebhookCall

DEEP = httpx.Response(200, content=b"[" * 100_000)


@pytest.mark.parametrize(
    ("read", "fault"),
    [(json_in, ValueError), (_json, InventoryUnavailable), (read_object, CallFailed)],
    ids=["any", "pms", "chat"],
)
def test_a_deep_answer_is_one_that_cannot_be_read(
    read: Callable[[httpx.Response], Any], fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        read(DEEP)


def test_a_deep_answer_of_a_sender_is_no_object() -> None:
    assert maybe_object(DEEP) is None


async def test_a_deep_answer_of_a_feed_is_a_feed_that_is_down() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: DEEP)) as client:
        with pytest.raises(FeedDown):
            _ = [page async for page in HttpFeed("bank", client, "http://bank.example", None).pages(None)]


def test_services_read_answers_by_this_way_alone() -> None:
    found = [str(file) for file in Path(services.__file__).parent.rglob("*.py") if ".json()" in file.read_text()]
    assert not found


def test_a_deep_webhook_is_one_that_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        read_json(WebhookCall("https://posada.example", {}, {}, b"[" * 100_000))
