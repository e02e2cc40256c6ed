"""Webhooks on a real database: stored before the answer, once, by several at a time, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError
from fastapi import FastAPI

from services.conversations.consumers import routes
from services.conversations.inbound.api import router
from services.conversations.repository import Repository
from services.conversations.unit_of_work import UnitOfWork
from shared.consumer.processor import Processor
from shared.contracts.conversations import GuestWrote
from shared.database.pool import Connection, Database
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row
from tests.database.conversations.conftest import TRUNCATE, PostOffice
from tests.database.conversations.test_in_postgres import messages, threads, without_index
from tests.support.builders.conversations import NOW, PHONE, PLACE, chat, confirmed, record
from tests.support.doubles.transport import process_records
from tests.unit.conversations.inbound.test_webhook_forms import (
    ADDED,
    CONTACT_DATA,
    MANYCHAT,
    RECEIVED,
    TWILIO,
    WATI,
    form,
)

PUBLIC = "https://posada.example"
NOW_ISO = NOW.isoformat()
GUEST = RECEIVED | {"waId": "50371234567", "timestamp": str(int(NOW.timestamp()))}
OLD = GUEST | {"timestamp": str(int((NOW - timedelta(hours=49)).timestamp()))}
WATI_ADDRESS = "/webhooks/wati?token=w-secret"
MakeClient = Callable[[Processor], httpx.AsyncClient]


def twilio(fields: Mapping[str, str], **given: Any) -> dict[str, Any]:
    """A signed call of Twilio as httpx sends it."""
    call = form(dict(fields), url=f"{PUBLIC}/webhooks/twilio", **given)
    headers = {**call.headers, "content-type": "application/x-www-form-urlencoded"}
    return {"url": "/webhooks/twilio", "content": call.body, "headers": headers}


@pytest.fixture
def make_client(database: Database) -> MakeClient:
    def make(processor: Processor) -> httpx.AsyncClient:
        app = FastAPI()
        hooks = [TWILIO, WATI, MANYCHAT]
        oldest = timedelta(hours=48)
        app.include_router(router(database, hooks, public_url=PUBLIC, oldest=oldest, clock=lambda: NOW))
        app.state.processor = processor
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside")

    return make


@pytest.fixture
async def client(make_client: MakeClient, processor: Processor) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(processor) as client:
        yield client


async def set_aside(database: Database) -> list[dict[str, str]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT headers FROM outbox WHERE topic = 'posada.conversations.dead'")
    return [dict(row["headers"]) for row in rows]


async def test_each_provider_is_taken_in_before_it_is_answered(client: httpx.AsyncClient, database: Database) -> None:
    answers = [
        await client.post(**twilio(ADDED)),
        await client.post(WATI_ADDRESS, json=GUEST),
        await client.post("/webhooks/manychat", json=CONTACT_DATA, headers={"Authorization": "Bearer m"}),
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len(await messages(database)) == 3
    found = {thread["contact"]: thread for thread in await threads(database)}
    assert set(found) == {PHONE, "1234567890"}
    assert found[PHONE]["provider_thread_id"] == ADDED["ConversationSid"]


async def test_a_webhook_tells_when_the_guest_wrote(client: httpx.AsyncClient, post_office: PostOffice) -> None:
    await client.post(WATI_ADDRESS, json=GUEST)
    await client.post(WATI_ADDRESS, json=GUEST)
    (wrote,) = post_office.messages
    assert isinstance(wrote, GuestWrote)
    assert (wrote.contact, wrote.channel, wrote.at) == ("50371234567", "whatsapp", NOW.replace(microsecond=0))


async def test_what_is_delivered_again_is_stored_once_on_whatever_way(
    client: httpx.AsyncClient, consumer: Processor, database: Database
) -> None:
    for _ in range(3):
        assert (await client.post(WATI_ADDRESS, json=GUEST)).status_code == 202
    await process_records(consumer, [record(chat(message_id=GUEST["whatsappMessageId"]))])
    assert list(await messages(database)) == [GUEST["whatsappMessageId"]]


async def test_strangers_are_turned_away(client: httpx.AsyncClient, database: Database) -> None:
    genuine = twilio(ADDED)
    altered = urlencode(ADDED | {"Body": "Otra cosa"}).encode()
    answers = [
        await client.post(**twilio(ADDED, token="another")),
        await client.post(**(genuine | {"content": altered})),
        await client.post("/webhooks/wati?token=guess", json=GUEST),
        await client.post("/webhooks/manychat", json=CONTACT_DATA),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert await messages(database) == {}
    assert await set_aside(database) == []


async def test_an_old_timestamp_is_refused_and_kept_once_for_a_person(
    client: httpx.AsyncClient, consumer: Processor, database: Database
) -> None:
    for _ in range(2):
        answer = await client.post(WATI_ADDRESS, json=OLD)
        assert answer.status_code == 422
        assert "sent_at" in answer.json()["detail"]
    assert await messages(database) == {}
    (letter,) = await set_aside(database)
    assert "more than 2 days" in letter["posada_history"]
    async with database.connection() as connection:
        body = await connection.fetchval("SELECT body FROM outbox")
    await process_records(consumer, [replayed([(name, value.encode()) for name, value in letter.items()], body)])
    assert list(await messages(database)) == [OLD["whatsappMessageId"]]


def replayed(headers: Sequence[tuple[str, bytes]], body: bytes) -> ConsumerRecord[bytes, bytes]:
    """A dead letter as `posada dead replay` gives it back."""
    original = [(name.removeprefix("original_"), value) for name, value in headers if name.startswith("original_")]
    given = [*original, ("posada_letter", b"1")]
    return ConsumerRecord("posada.conversations.internal", 0, 0, 0, 0, b"", body, None, 0, len(body), given)


@pytest.mark.parametrize(
    ("body", "field"), [({"eventType": "message"}, "timestamp"), (GUEST | {"waId": None}, "contact"), ([], "body")]
)
async def test_what_nobody_can_read_is_refused_by_its_field_and_kept(
    client: httpx.AsyncClient, database: Database, body: Any, field: str
) -> None:
    for _ in range(2):
        answer = await client.post(WATI_ADDRESS, json=body)
        assert answer.status_code == 422
        assert field in answer.json()["detail"]
    (letter,) = await set_aside(database)
    assert field in letter["posada_history"]


async def test_other_addresses_and_sizes(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.post("/webhooks/telegram")).status_code == 404
    assert (await client.post(WATI_ADDRESS, content=b" " * 1_000_001)).status_code == 413
    app = FastAPI()
    app.include_router(router(database, [], public_url=None, oldest=timedelta(days=1), clock=lambda: NOW))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as bare:
        answer = await bare.post(WATI_ADDRESS, json=GUEST)
    assert answer.status_code == 503
    assert "POSADA_WATI_WEBHOOK_TOKEN" in answer.json()["detail"]


async def test_while_the_service_starts_it_promises_nothing(database: Database) -> None:
    app = FastAPI()
    app.include_router(router(database, [WATI], public_url=None, oldest=timedelta(days=9999), clock=lambda: NOW))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as client:
        answer = await client.post(WATI_ADDRESS, json=GUEST)
    assert (answer.status_code, "starting" in answer.json()["detail"]) == (503, True)


class Away(Database):
    """A database whose server does not answer."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        raise ConnectionRefusedError
        yield


async def test_while_the_database_is_away_nothing_is_promised(
    repository: Repository, relay: OutboxPublisher, database: Database
) -> None:
    app = FastAPI()
    app.include_router(
        router(database, [WATI], public_url=None, oldest=timedelta(days=9999), clock=lambda: NOW, seconds=0.2)
    )
    app.state.processor = Processor(routes(repository), Away(""), relay, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as client:
        answer = await client.post(WATI_ADDRESS, json=GUEST)
    assert answer.status_code == 503
    assert "again" in answer.json()["detail"]
    assert await messages(database) == {}


def kafka_is_away(_: Row) -> None:
    raise KafkaConnectionError


async def test_while_kafka_is_away_messages_and_second_attempts_are_kept(
    make_client: MakeClient, repository: Repository, database: Database
) -> None:
    relay = OutboxPublisher(PostOffice(kafka_is_away), database)
    processor = Processor(routes(repository), database, relay, clock=lambda: NOW, retry_pauses=[timedelta(seconds=1)])
    async with make_client(processor) as client:
        answers = [
            await client.post(WATI_ADDRESS, json=GUEST),
            await client.post(**twilio(ADDED | {"Author": "recepcion"})),
        ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert list(await messages(database)) == [GUEST["whatsappMessageId"]]
    async with database.connection() as connection:
        topics = [row[0] for row in await connection.fetch("SELECT topic FROM outbox ORDER BY topic")]
    assert topics == ["posada.conversations.internal", "posada.notifications.events"]


async def test_what_staff_write_at_twilio_goes_to_their_thread_whatever_fits_today(
    client: httpx.AsyncClient, consumer: Processor, database: Database
) -> None:
    await process_records(consumer, [record(confirmed("101", starts=-9, nights=8, at=NOW - timedelta(days=20)))])
    await client.post(**twilio(ADDED | {"DateCreated": (NOW - timedelta(hours=47)).isoformat()}))
    await process_records(consumer, [record(confirmed("201", starts=-1, at=NOW - timedelta(hours=1)))])
    await client.post(**twilio(ADDED | {"MessageSid": "IM2", "DateCreated": NOW_ISO}))
    await client.post(**twilio(ADDED | {"MessageSid": "IM3", "Author": "recepcion", "DateCreated": NOW_ISO}))
    by_room = {thread["room"]: thread["id"] for thread in await threads(database)}
    assert await messages(database) == {
        ADDED["MessageSid"]: by_room["101"],
        "IM2": by_room["201"],
        "IM3": by_room["101"],
    }


async def test_two_tenants_in_one_conversation_of_twilio_have_a_thread_each(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post(**twilio(ADDED))
    await client.post(**twilio(ADDED | {"MessageSid": "IM2", "Author": "whatsapp:+50370000002"}))
    assert len(await messages(database)) == 2
    found = {thread["contact"]: thread["provider_thread_id"] for thread in await threads(database)}
    assert found == {PHONE: ADDED["ConversationSid"], "+50370000002": None}


async def test_what_staff_write_before_we_know_the_conversation_is_tried_again(
    client: httpx.AsyncClient, consumer: Processor, database: Database, post_office: PostOffice
) -> None:
    assert (await client.post(**twilio(ADDED | {"MessageSid": "IM2", "Author": "recepcion"}))).status_code == 202
    (letter,) = post_office.rows  # these tests allow no second attempts
    assert "no thread has the conversation" in str(letter.headers)
    await client.post(**twilio(ADDED))
    await process_records(consumer, [replayed(letter.headers, letter.body or b"")])
    assert set(await messages(database)) == {ADDED["MessageSid"], "IM2"}


class Meeting(Repository):
    """Lets the first of several writers save only when all have loaded: the race in its worst form."""

    def __init__(self, writers: int) -> None:
        super().__init__(PLACE, {})
        self._left = writers
        self._all_here = asyncio.Event()

    async def load(self, connection: Connection, messages: Any, now: Any) -> UnitOfWork:
        uow = await super().load(connection, messages, now)
        self._left -= 1
        if self._left <= 0:
            self._all_here.set()
        await self._all_here.wait()
        return uow


WRITERS = 4


@asynccontextmanager
async def racing(
    make_client: MakeClient, database: Database, relay: OutboxPublisher
) -> AsyncIterator[httpx.AsyncClient]:
    meeting = Meeting(WRITERS)
    async with make_client(Processor(routes(meeting), database, relay, clock=lambda: NOW)) as client:
        yield client


async def race_for_a_thread(client: httpx.AsyncClient, database: Database) -> None:
    """Webhooks of several messages at once: all are taken, and their tenant has one thread."""
    calls = [client.post(WATI_ADDRESS, json=GUEST | {"whatsappMessageId": f"w{number}"}) for number in range(WRITERS)]
    answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [202] * WRITERS
    assert len(await messages(database)) == WRITERS
    assert len(await threads(database)) == 1


async def test_webhooks_at_once_open_one_thread_for_a_phone(
    make_client: MakeClient, database: Database, relay: OutboxPublisher
) -> None:
    async with racing(make_client, database, relay) as client:
        await race_for_a_thread(client, database)


async def test_webhooks_at_once_open_one_thread_for_an_apartment(
    make_client: MakeClient, database: Database, relay: OutboxPublisher, consumer: Processor
) -> None:
    await process_records(consumer, [record(confirmed("101"))])
    async with racing(make_client, database, relay) as client:
        await race_for_a_thread(client, database)
    assert [thread["room"] for thread in await threads(database)] == ["101"]


@pytest.mark.parametrize("index", ["threads_contact_key", "threads_contact_apartment_key"])
async def test_without_its_index_the_race_ends_in_several_threads(
    make_client: MakeClient, database: Database, relay: OutboxPublisher, consumer: Processor, index: str
) -> None:
    async with without_index(database, index):
        if index == "threads_contact_apartment_key":
            await process_records(consumer, [record(confirmed("101"))])
        async with racing(make_client, database, relay) as client:
            with pytest.raises(AssertionError, match="== 1"):
                await race_for_a_thread(client, database)


async def race_for_a_message(database: Database, relay: OutboxPublisher, make_client: MakeClient) -> None:
    """One message from a webhook and from a gateway over Kafka, at once: it is stored once."""
    processor = Processor(routes(Meeting(2)), database, relay, clock=lambda: NOW)
    again = record(chat(message_id=GUEST["whatsappMessageId"]))
    async with make_client(processor) as client:
        answer, _ = await asyncio.gather(client.post(WATI_ADDRESS, json=GUEST), process_records(processor, [again]))
    assert answer.status_code == 202
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM messages") == 1


async def test_one_message_on_two_ways_at_once_is_stored_once(
    make_client: MakeClient, database: Database, relay: OutboxPublisher
) -> None:
    async with without_index(database, "threads_contact_key"):  # else that would be guard enough
        await race_for_a_message(database, relay, make_client)


async def test_without_the_constraint_it_is_stored_twice(
    make_client: MakeClient, database: Database, relay: OutboxPublisher
) -> None:
    async with without_index(database, "threads_contact_key"), database.connection() as connection:
        await connection.execute("ALTER TABLE messages DROP CONSTRAINT messages_channel_message_id_key")
        try:
            with pytest.raises(AssertionError, match="== 1"):
                await race_for_a_message(database, relay, make_client)
        finally:
            await connection.execute(TRUNCATE)
            await connection.execute("ALTER TABLE messages ADD UNIQUE (channel, message_id)")


async def test_the_same_webhook_at_once_is_stored_once(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*[client.post(WATI_ADDRESS, json=GUEST) for _ in range(WRITERS)])
    assert [answer.status_code for answer in answers] == [202] * WRITERS
    assert len(await messages(database)) == 1
