"""What can be read over HTTP, and what the start refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

from services.notifications.api import router
from services.notifications.app import build, senders_of
from services.notifications.delivery.model import Channel, Event
from services.notifications.providers.local import LocalOutbox
from services.notifications.repository import Repository
from services.notifications.settings import Settings
from shared.clock import system_clock
from shared.database.pool import Database
from tests.database.notifications.conftest import MakeConsumer
from tests.support.builders.notifications import TEMPLATES, a_composer, a_delivery, confirmed, record
from tests.support.doubles.transport import process_records


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(database, Repository(a_composer()), TEMPLATES, system_clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_the_outbox_shows_the_words_as_the_guest_would_read_them(
    client: httpx.AsyncClient, make_consumer: MakeConsumer
) -> None:
    await process_records(make_consumer(a_composer()), [record(confirmed())])
    messages = (await client.get("/outbox")).json()
    by_channel = {message["channel"]: message for message in messages}
    assert by_channel["email"]["recipient"] == "ana@example.com"
    assert "HR26181" in by_channel["whatsapp"]["text"]
    assert "<table" in by_channel["email"]["html"]


async def test_the_outbox_gives_the_newest_oldest_first(client: httpx.AsyncClient, make_consumer: MakeConsumer) -> None:
    bookings = [confirmed(guest=None) for _ in range(5)]
    for message in bookings:
        await process_records(make_consumer(a_composer()), [record(message)])
    messages = (await client.get("/outbox", params={"limit": 2})).json()
    assert [message["booking_id"] for message in messages] == [str(one.booking_id) for one in bookings[-2:]]
    one = (await client.get("/outbox", params={"booking_id": str(bookings[0].booking_id)})).json()
    assert [message["booking_id"] for message in one] == [str(bookings[0].booking_id)]


async def test_the_log_masks_who_was_told_and_leaves_out_the_words(
    client: httpx.AsyncClient, make_consumer: MakeConsumer, database: Database
) -> None:
    message = confirmed()
    await process_records(make_consumer(a_composer(local=())), [record(message), record(confirmed())])
    async with database.connection() as connection:
        await connection.execute("UPDATE deliveries SET problem = 'no such contact: ' || recipient")
    answer = await client.get("/deliveries", params={"booking_id": str(message.booking_id)})
    assert {one["recipient"] for one in answer.json()} == {"a***@example.com", "***4567"}
    assert all(private not in answer.text for private in ("ana@", "50371234567", "HR26181", "López"))


async def test_the_log_is_read_on_from_a_number(client: httpx.AsyncClient, make_consumer: MakeConsumer) -> None:
    await process_records(make_consumer(a_composer()), [record(confirmed()) for _ in range(3)])
    seen: list[int] = []
    while page := (await client.get("/deliveries", params={"limit": 4, "before": seen[-1] if seen else 99})).json():
        seen += [one["number"] for one in page]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 6


async def test_the_log_is_filtered(client: httpx.AsyncClient, make_consumer: MakeConsumer) -> None:
    await process_records(make_consumer(a_composer(local=(Channel.EMAIL,))), [record(confirmed())])
    stored = (await client.get("/deliveries", params={"status": "stored"})).json()
    chat = (await client.get("/deliveries", params={"channel": "whatsapp"})).json()
    assert [one["channel"] for one in stored] == ["email"]
    assert [one["status"] for one in chat] == ["pending"]


async def test_templates_can_be_previewed(client: httpx.AsyncClient) -> None:
    previews = (await client.get("/previews/es/confirmed")).json()
    assert {preview["channel"] for preview in previews} == {"email", "chat", "sms"}
    assert (await client.get("/previews/fr/confirmed")).status_code == 422


def test_without_credentials_every_channel_is_local() -> None:
    assert all(isinstance(sender, LocalOutbox) for sender in senders_of(Settings()).values())


async def test_with_credentials_the_providers_take_over() -> None:
    settings = Settings(
        wati_url="http://127.0.0.1:1/t",
        wati_token=SecretStr("secret"),
        smtp_host="127.0.0.1",
        smtp_from="reservas@example.com",
    )
    names = {channel.value: sender.name for channel, sender in senders_of(settings).items()}
    assert names == {
        "whatsapp": "wati",
        "email": "smtp",
        "messenger": "local",
        "instagram": "local",
        "sms": "local",
    } | {"voice": "local"}


@pytest.mark.parametrize(
    "given", [{"wati_url": "http://x"}, {"smtp_host": "x"}, {"send_seconds": 50}, {"region": "Salvador"}]
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)


async def test_what_waits_for_a_provider_that_was_taken_away_is_stored() -> None:
    receipt = await LocalOutbox().send(a_delivery())
    assert receipt.status == "stored"


def test_whoever_is_promised_news_by_chat_gets_the_end_of_it_there() -> None:
    assert {Event.PAYMENT_SEARCH, Event.CONFIRMED, Event.REFUSED, Event.FAILED} <= Settings().chat_events


def test_the_service_is_whole() -> None:
    service = build(Settings(http_port=0))
    assert (service.name, len(service.loops)) == ("notifications", 2)
    paths = service.app().openapi()["paths"]
    assert {"/deliveries", "/outbox", "/previews/{language}/{event}", "/health/ready"} <= set(paths)
