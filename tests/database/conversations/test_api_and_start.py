"""What can be read over HTTP, and what the start refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import ValidationError

from services.conversations.app import build
from services.conversations.console.api import reading_router, router, searching_router
from services.conversations.settings import Settings
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.contracts.booking import Contact
from shared.contracts.conversations import Author
from shared.database.pool import Database
from shared.http.app import authenticated
from tests.support.builders.conversations import NOW, PHONE, PLACE, SUBSCRIBER, WA_ID, chat, confirmed, record
from tests.support.doubles.transport import process_records


def hours(number: int) -> timedelta:
    return timedelta(hours=number)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(api_token="t" * 32)
    app = FastAPI(dependencies=[Depends(authenticated(settings))])
    app.include_router(router(database, PLACE))
    app.include_router(searching_router(database, PLACE))
    app.include_router(reading_router(database, settings, system_clock))
    shown = {"Authorization": f"Bearer {'t' * 32}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=shown) as client:
        yield client


async def only_thread(client: httpx.AsyncClient) -> dict[str, Any]:
    (thread,) = (await client.get("/threads", params={"contact": PHONE})).json()["threads"]
    return dict(thread)


@pytest.mark.parametrize("contact", [PHONE, WA_ID, "7123-4567", SUBSCRIBER])
async def test_the_threads_of_a_tenant_by_any_of_their_contacts(
    client: httpx.AsyncClient, consumer: Processor, contact: str
) -> None:
    both = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)
    await process_records(consumer, [record(confirmed("101", contact=both)), record(chat())])
    (thread,) = (await client.get("/threads", params={"contact": contact})).json()["threads"]
    assert (thread["contact"], thread["room"]) == (PHONE, "101")
    assert thread["participants"] == {"tenant": PHONE, "manager": "+50370000000"}


async def test_a_stranger_has_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/threads", params={"contact": "+50370000001"})
    assert answer.json() == {"threads": [], "next": None}


async def test_messages_are_read_on_from_a_cursor(client: httpx.AsyncClient, consumer: Processor) -> None:
    await process_records(consumer, [record(chat(message_id=f"m{number}")) for number in range(5)])
    thread = await only_thread(client)
    address, after = f"/threads/{thread['id']}/messages", 0
    read: list[str] = []
    while (page := (await client.get(address, params={"after": after, "limit": 2})).json())["messages"]:
        read += [message["message_id"] for message in page["messages"]]
        after = page["next"]
    assert read == [f"m{number}" for number in range(5)]
    await process_records(consumer, [record(chat(message_id="later"))])
    page = (await client.get(address, params={"after": after})).json()
    assert [message["message_id"] for message in page["messages"]] == ["later"]


async def test_messages_are_read_back_from_the_newest(client: httpx.AsyncClient, consumer: Processor) -> None:
    await process_records(consumer, [record(chat(message_id=f"m{number}")) for number in range(5)])
    address = f"/threads/{(await only_thread(client))['id']}/messages"
    before, pages = 2**62, []
    while before is not None:
        page = (await client.get(address, params={"before": before, "limit": 2})).json()
        pages.append([message["message_id"] for message in page["messages"]])
        before = page["previous"]
    assert pages == [["m3", "m4"], ["m1", "m2"], ["m0"]]


async def test_threads_come_in_pages_the_latest_first(client: httpx.AsyncClient, consumer: Processor) -> None:
    phones = [f"5037000000{number}" for number in range(5)]
    await process_records(
        consumer, [record(chat(phone, sent_at=NOW - hours(place))) for place, phone in enumerate(phones)]
    )
    await process_records(consumer, [record(chat("50370000009", sent_at=NOW - hours(1)))])
    read: list[str] = []
    cursor: dict[str, str] = {}
    while cursor is not None:
        page = (await client.get("/threads", params={"limit": 2, **cursor})).json()
        read += [thread["contact"] for thread in page["threads"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert [read[0], *sorted(read[1:3]), *read[3:]] == [
        "+50370000000",
        "+50370000001",
        "+50370000009",
        "+50370000002",
        "+50370000003",
        "+50370000004",
    ]


async def test_threads_by_what_they_are_about(client: httpx.AsyncClient, consumer: Processor) -> None:
    booking = confirmed("101")
    await process_records(consumer, [record(chat("50370000001")), record(booking), record(chat())])

    async def contacts(**wanted: Any) -> list[str]:
        page = (await client.get("/threads", params=wanted)).json()
        return [thread["contact"] for thread in page["threads"]]

    assert await contacts(room="101", property_id="mar") == [PHONE]
    assert await contacts(booking_id=str(booking.booking_id)) == [PHONE]
    assert await contacts(open=False) == []
    assert await contacts(room="102") == []
    assert len(await contacts(open=True)) == 2


async def test_a_cursor_of_somebody_else_is_refused(client: httpx.AsyncClient) -> None:
    for cursor in ("x", "eHg=", "ñ"):
        answer = await client.get("/threads", params={"cursor": cursor})
        assert answer.status_code == 422
        assert "cursor" in answer.json()["detail"]


async def test_words_are_found_without_case_and_accents(client: httpx.AsyncClient, consumer: Processor) -> None:
    texts = ["¿Qué hora es la SALIDA, mañana?", "La llave no abre", "«Salida tardía», ana_l@example.com; 90.50"]
    await process_records(
        consumer, [record(chat(message_id=f"m{place}", text=text)) for place, text in enumerate(texts)]
    )

    async def found(q: str, **more: Any) -> list[str]:
        page = (await client.get("/messages", params={"q": q, **more})).json()
        return [hit["message_id"] for hit in page["messages"]]

    assert await found("salida") == ["m2", "m0"]
    assert await found("MANANA hora") == ["m0"]
    assert await found("tard") == ["m2"]
    assert await found("que") == ["m0"]
    assert await found("ÁÉÑ") == []
    for text in ("ana_l@example.com", "example.com", "90.50", "SALIDA TARDÍA"):
        assert await found(text) == ["m2"]
    assert await found("salida", contact="+50370000001") == []
    assert await found("salida & | ! ' :*") == ["m2", "m0"]
    page = (await client.get("/messages", params={"q": "salida", "limit": 1})).json()
    assert await found("salida", limit=1, cursor=page["next"]) == ["m0"]
    assert (await client.get("/messages", params={"q": "¿?"})).status_code == 422


async def test_a_search_uses_its_index(database: Database, consumer: Processor) -> None:
    await process_records(consumer, [record(chat())])
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(
            "EXPLAIN SELECT * FROM messages WHERE words_of(text) @@ to_tsquery('simple', 'a')"
        )
    assert "messages_search_idx" in str(plan)


async def test_what_is_not_read_is_counted_for_each_reader(client: httpx.AsyncClient, consumer: Processor) -> None:
    await process_records(consumer, [record(chat(message_id=f"m{number}")) for number in range(3)])
    await process_records(
        consumer, [record(chat(message_id="ours", author=Author.MANAGER)), record(chat("50370000001"))]
    )
    thread = await only_thread(client)
    assert (thread["unread"], (await client.get("/unread")).json()) == (3, {"threads": 2, "messages": 4})
    numbers = [one["number"] for one in (await client.get(f"/threads/{thread['id']}/messages")).json()["messages"]]
    for number in (numbers[1], numbers[0]):  # it never goes back
        answer = await client.put(f"/threads/{thread['id']}/read", json={"number": number})
        assert answer.status_code == 204
    assert (await only_thread(client))["unread"] == 1
    assert (await client.get("/unread", params={"reader": "ana"})).json() == {"threads": 2, "messages": 4}
    await client.put(f"/threads/{thread['id']}/read", json={"number": 2**62})
    assert (await only_thread(client))["unread"] == 0
    page = (await client.get("/threads", params={"unread": True})).json()
    assert [one["contact"] for one in page["threads"]] == ["+50370000001"]
    await process_records(consumer, [record(chat(message_id="new"))])
    assert (await only_thread(client))["unread"] == 1


async def test_files_are_kept_as_links(client: httpx.AsyncClient, consumer: Processor) -> None:
    file = {"url": "https://cdn.example/a.jpg", "media_type": "image/jpeg", "size": 9, "name": "a.jpg"}
    await process_records(consumer, [record(chat(attachments=[file]))])
    page = (await client.get(f"/threads/{(await only_thread(client))['id']}/messages")).json()
    assert page["messages"][0]["attachments"] == [file]


async def test_nobody_may_write_where_no_token_is_set(database: Database) -> None:
    app = FastAPI()
    app.include_router(reading_router(database, Settings(), system_clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.put(f"/threads/{uuid4()}/read", json={"number": 1})
    assert answer.status_code == 403
    assert "POSADA_API_TOKEN" in answer.json()["detail"]


async def test_no_such_thread(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/threads/{uuid4()}/messages")).status_code == 404
    assert (await client.get(f"/threads/{uuid4()}")).status_code == 404
    assert (await client.put(f"/threads/{uuid4()}/read", json={"number": 1})).status_code == 404


def test_a_country_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="region"):
        Settings(region="Marte")


def test_the_service_is_whole() -> None:
    service = build(Settings(http_port=0))
    assert service.name == "conversations"
    assert {"/threads", "/threads/{thread_id}/messages", "/health/ready"} <= set(service.app().openapi()["paths"])
