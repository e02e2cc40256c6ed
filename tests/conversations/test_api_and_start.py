"""What can be read over HTTP, and what the start refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from services.conversations.api import router
from services.conversations.app import build
from services.conversations.repository import Repository
from services.conversations.settings import Settings
from shared.consumer import Consumer
from shared.contracts.booking import Contact
from shared.database import Database

from .builders import PHONE, PLACE, SUBSCRIBER, WA_ID, chat, confirmed, record


@pytest.fixture
async def client(database: Database, repository: Repository) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(database, repository, PLACE))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("contact", [PHONE, WA_ID, "7123-4567", SUBSCRIBER])
async def test_the_threads_of_a_tenant_by_any_of_their_contacts(
    client: httpx.AsyncClient, consumer: Consumer, contact: str
) -> None:
    both = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)
    await consumer.take([record(confirmed("101", contact=both)), record(chat())])
    (thread,) = (await client.get("/threads", params={"contact": contact})).json()
    assert (thread["contact"], thread["room"]) == (PHONE, "101")
    assert thread["participants"] == {"tenant": PHONE, "manager": "+50370000000"}


async def test_a_stranger_has_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/threads", params={"contact": "+50370000001"})).json() == []


async def test_messages_are_read_on_from_a_cursor(client: httpx.AsyncClient, consumer: Consumer) -> None:
    await consumer.take([record(chat(message_id=f"m{number}")) for number in range(5)])
    (thread,) = (await client.get("/threads", params={"contact": PHONE})).json()
    address, after = f"/threads/{thread['id']}/messages", 0
    read: list[str] = []
    while (page := (await client.get(address, params={"after": after, "limit": 2})).json())["messages"]:
        read += [message["message_id"] for message in page["messages"]]
        after = page["next"]
    assert read == [f"m{number}" for number in range(5)]
    await consumer.take([record(chat(message_id="later"))])
    page = (await client.get(address, params={"after": after})).json()
    assert [message["message_id"] for message in page["messages"]] == ["later"]


async def test_no_such_thread(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/threads/{uuid4()}/messages")).status_code == 404


def test_a_country_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="region"):
        Settings(region="Marte")


def test_the_service_is_whole() -> None:
    service = build(Settings(http_port=0))
    assert service.name == "conversations"
    assert {"/threads", "/threads/{thread_id}/messages", "/health/ready"} <= set(service.app().openapi()["paths"])
