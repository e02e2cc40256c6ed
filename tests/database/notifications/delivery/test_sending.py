"""The dispatcher on a real database: attempts, the next channel, staff, providers that hang or say anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
from structlog.testing import capture_logs

from services.notifications.consumers import routes
from services.notifications.delivery.model import BACK_OFF, Audience, Channel, Delivery
from services.notifications.providers.port import Receipt
from services.notifications.repository import Repository
from shared.consumer.processor import Processor
from shared.contracts.notifications import StaffAlerted
from shared.database.pool import Database
from shared.errors import CallFailed
from shared.jobs.wake import WakeSignal
from shared.observability.logs import add_subject
from tests.database.notifications.conftest import PostOffice
from tests.support.builders.notifications import NOW, a_composer, a_delivery, confirmed, record
from tests.support.doubles.deliveries import CHAT, EMAIL, INSTAGRAM, MESSENGER, Deliveries
from tests.support.doubles.senders import FINAL, PASSING, TAKEN, ScriptedSender
from tests.support.doubles.transport import process_records

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_what_is_sent_is_marked_with_the_providers_id(service: Deliveries) -> None:
    await service.write(CHAT)
    await service.settle(service.runner({Channel.WHATSAPP: ScriptedSender(Receipt("wamid.1", "accepted"))}))
    (row,) = await service.rows()
    assert (row["status"], row["provider"], row["provider_id"], row["provider_status"], row["attempts"]) == (
        "sent",
        "scripted",
        "wamid.1",
        "accepted",
        1,
    )
    assert row["finished_at"] == NOW


@pytest.fixture
def every_line() -> Iterator[None]:
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield
    structlog.configure(wrapper_class=quiet)


@pytest.mark.usefixtures("every_line")
async def test_a_sending_is_logged_in_the_trace_of_its_event(service: Deliveries) -> None:
    message = confirmed()
    told = record(message)
    told.headers.append(("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()))
    composer = a_composer(local=())
    await process_records(
        Processor(routes(Repository(composer)), service.database, service.relay, clock=service.clock), [told]
    )
    with capture_logs(processors=[add_subject]) as lines:
        await service.settle(service.runner())
    assert [(line["trace"], line["booking"]) for line in lines if line["event"] == "delivery"] == [
        (TRACE, str(message.booking_id))
    ] * 2


async def test_a_passing_problem_is_tried_again_after_its_pause(service: Deliveries) -> None:
    await service.write(CHAT)
    whatsapp = ScriptedSender(PASSING, TAKEN)
    runner = service.runner({Channel.WHATSAPP: whatsapp})
    await service.settle(runner)
    (row,) = await service.rows()
    assert (row["status"], row["due_at"], row["problem"]) == ("pending", NOW + BACK_OFF[0], "HTTP 503")
    service.clock.advance(BACK_OFF[0])
    await service.settle(runner)
    assert await service.statuses() == {"whatsapp": "sent"}
    assert len(whatsapp.sent) == 2


async def test_attempts_are_bounded(service: Deliveries) -> None:
    await service.write(CHAT)
    whatsapp = ScriptedSender(PASSING)
    runner = service.runner({Channel.WHATSAPP: whatsapp})
    for pause in (*BACK_OFF, timedelta(days=1)):
        await service.settle(runner)
        service.clock.advance(pause)
    await service.settle(runner)
    assert await service.statuses() == {"whatsapp": "failed"}
    assert len(whatsapp.sent) == len(BACK_OFF) + 1


async def test_the_next_channel_follows_a_final_problem_at_once(service: Deliveries, post_office: PostOffice) -> None:
    await service.write(MESSENGER, INSTAGRAM)
    await service.settle(service.runner({Channel.MESSENGER: ScriptedSender(FINAL)}))
    assert await service.statuses() == {"messenger": "failed", "instagram": "sent"}
    assert post_office.rows == []


async def test_the_next_channel_may_be_the_local_outbox(service: Deliveries) -> None:
    await service.write(MESSENGER, INSTAGRAM)
    await service.settle(service.runner({Channel.MESSENGER: ScriptedSender(FINAL)}, local=(Channel.INSTAGRAM,)))
    rows = {row["channel"]: row for row in await service.rows()}
    assert (rows["instagram"]["status"], rows["instagram"]["provider"]) == ("stored", "local")


async def test_who_got_the_email_needs_no_help(service: Deliveries, post_office: PostOffice) -> None:
    await service.write(EMAIL, CHAT)
    await service.settle(service.runner({Channel.WHATSAPP: ScriptedSender(FINAL)}))
    assert await service.statuses() == {"email": "sent", "whatsapp": "failed"}
    assert post_office.rows == []


async def test_a_failed_email_does_not_write_twice_by_chat(service: Deliveries) -> None:
    await service.write(EMAIL, MESSENGER, INSTAGRAM)
    await service.settle(service.runner({Channel.EMAIL: ScriptedSender(FINAL)}))
    assert await service.statuses() == {"email": "failed", "messenger": "sent", "instagram": "standby"}


async def test_when_nothing_is_left_staff_hear_of_it_once(service: Deliveries, post_office: PostOffice) -> None:
    await service.write(*[replace(one, property_id="mar") for one in (EMAIL, MESSENGER, INSTAGRAM)])
    failing = {channel: ScriptedSender(FINAL) for channel in (Channel.EMAIL, Channel.MESSENGER, Channel.INSTAGRAM)}
    await service.settle(service.runner(failing), service.runner(failing))
    (alert,) = post_office.messages
    assert isinstance(alert, StaffAlerted)
    assert (alert.booking_id, alert.code) == (EMAIL.booking_id, "guest_not_notified")
    assert alert.details == {
        "occasion": "confirmed",
        "channels": ["email", "messenger", "instagram"],
        "property_id": "mar",
    }
    assert "ana@" not in alert.text


async def test_an_alert_that_cannot_be_delivered_raises_no_other(service: Deliveries, post_office: PostOffice) -> None:
    await service.write(a_delivery(Channel.EMAIL, "desk@example.com", audience=Audience.STAFF))
    await service.settle(service.runner({Channel.EMAIL: ScriptedSender(FINAL)}))
    assert await service.statuses() == {"email": "failed"}
    assert post_office.rows == []


async def test_a_provider_that_hangs_holds_up_only_its_own_channel(service: Deliveries) -> None:
    async def hang(_: Delivery) -> Receipt:
        await asyncio.sleep(0.3)
        return TAKEN

    await service.write(*[a_delivery(booking_id=uuid4()) for _ in range(10)])
    await service.write(*[a_delivery(Channel.EMAIL, "a@b.c", booking_id=uuid4()) for _ in range(10)])
    email = ScriptedSender()
    runner = service.runner(
        {Channel.WHATSAPP: ScriptedSender(hang), Channel.EMAIL: email}, at_once=2, send_seconds=0.05
    )
    while len(email.sent) < 10:
        await runner.begin(service.relay)
        await asyncio.sleep(0)
    await service.settle(runner)
    late = [row for row in await service.rows() if row["channel"] == "whatsapp"]
    assert {row["problem"] for row in late} == {"the provider did not answer in time", None}  # five, and then no more


async def test_an_adapters_bug_is_its_messages_own_problem(service: Deliveries) -> None:
    await service.write(CHAT, EMAIL)
    with capture_logs(processors=[add_subject]) as lines:
        await service.settle(service.runner({Channel.WHATSAPP: ScriptedSender(KeyError("50371234567"))}))
    (fault,) = [line for line in lines if line["event"] == "delivery.fault"]
    assert fault["booking"] == str(CHAT.booking_id)
    assert "50371234567" not in str(lines)
    rows = {row["channel"]: row for row in await service.rows()}
    assert (rows["whatsapp"]["status"], rows["whatsapp"]["problem"]) == ("pending", "KeyError")
    assert rows["email"]["status"] == "sent"


async def test_whatever_a_provider_says_can_be_recorded(service: Deliveries) -> None:
    await service.write(CHAT, EMAIL)
    odd = "a\x00b\ud800" + "x" * 5000
    odd_senders = {
        Channel.WHATSAPP: ScriptedSender(Receipt(odd, odd)),
        Channel.EMAIL: ScriptedSender(CallFailed(odd, final=True)),
    }
    await service.settle(service.runner(odd_senders))
    assert await service.statuses() == {"whatsapp": "sent", "email": "failed"}


async def test_a_stopping_instance_records_what_was_under_way(service: Deliveries) -> None:
    going = asyncio.Event()

    async def slowly(_: Delivery) -> Receipt:
        going.set()
        await asyncio.sleep(0.1)
        return TAKEN

    await service.write(CHAT)
    whatsapp = ScriptedSender(slowly)
    task = asyncio.create_task(service.runner({Channel.WHATSAPP: whatsapp}).run(service.relay))
    await going.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await service.statuses() == {"whatsapp": "sent"}
    assert whatsapp.closed


class NoPoll(WakeSignal):
    """A signal without a poll: who waits for it is woken by a commit or never."""

    def __init__(self) -> None:
        super().__init__()
        self.listened = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        self.listened.set()
        await super().wait(3600)


async def test_a_commit_wakes_the_runner_without_any_poll(service: Deliveries, database_url: str) -> None:
    wake = NoPoll()
    database = Database(database_url)
    await database.open()
    composer = a_composer(local=(Channel.SMS,))
    repository = Repository(composer, wake)
    email = ScriptedSender()
    task = asyncio.create_task(service.runner({Channel.EMAIL: email}, clock=lambda: NOW, wake=wake).run(service.relay))
    await wake.listened.wait()
    consumer = Processor(routes(repository), database, service.relay, clock=lambda: NOW, retry_pauses=())
    await process_records(consumer, [record(confirmed())])
    async with asyncio.timeout(10):
        while await service.statuses() != {"email": "sent", "whatsapp": "sent"}:  # noqa: ASYNC110 — another's commit
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.close()
