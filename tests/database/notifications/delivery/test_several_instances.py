"""Several dispatchers on one database: work shared, leases that end, failures recorded at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.notifications.delivery.model import Channel, Claimed, Delivery, Outcome, Status
from services.notifications.delivery.store import Lost
from services.notifications.providers.port import IsAnothers, Receipt
from services.notifications.repository import Repository
from shared.database.pool import Connection
from tests.database.notifications.conftest import PostOffice
from tests.support.builders.notifications import NOW, a_composer, a_delivery
from tests.support.doubles.deliveries import CHAT, EMAIL, LEASE, Deliveries
from tests.support.doubles.senders import ScriptedSender


async def test_two_instances_whose_last_channels_fail_at_once_alert_once(
    service: Deliveries, post_office: PostOffice
) -> None:
    bookings = [uuid4() for _ in range(30)]
    for booking_id in bookings:
        await service.write(
            a_delivery(Channel.EMAIL, "ana@example.com", booking_id=booking_id), a_delivery(booking_id=booking_id)
        )
    # Each has one of a booking's two channels, so that both record a failure of every booking at the same time.
    runners = [service.runner(at_once=60, only=channel) for channel in (Channel.EMAIL, Channel.WHATSAPP)]
    for _ in range(2):
        await asyncio.gather(*[runner.begin(service.relay) for runner in runners])
        await asyncio.sleep(0.05)
    assert Counter(alert.booking_id for alert in post_office.messages) == dict.fromkeys(bookings, 1)


async def test_instances_share_the_work(service: Deliveries) -> None:
    deliveries = [a_delivery(booking_id=uuid4()) for _ in range(200)]
    await service.write(*deliveries)
    senders = [ScriptedSender() for _ in range(3)]
    await asyncio.gather(*[service.settle(service.runner({Channel.WHATSAPP: sender})) for sender in senders])
    sent = Counter(delivery.booking_id for sender in senders for delivery in sender.sent)
    assert sent == {delivery.booking_id: 1 for delivery in deliveries}
    assert min(len(sender.sent) for sender in senders) > 0


class Traceable(ScriptedSender):
    """Has one message of these words from before, and knows no more of it."""

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        return None if await is_anothers("before") else Receipt("before", "accepted")


async def test_of_two_messages_with_the_same_words_one_was_there_and_the_other_goes_out(
    service: Deliveries,
) -> None:
    await service.write(CHAT, replace(CHAT, booking_id=uuid4()))
    async with service.database.transaction() as connection:
        await Repository(a_composer()).claim(connection, {Channel.WHATSAPP: 5}, service.clock(), LEASE)
    service.clock.advance(LEASE + timedelta(seconds=1))
    sender = Traceable()
    await service.settle(service.runner({Channel.WHATSAPP: sender}))
    assert len(sender.sent) == 1
    assert {row["provider_id"] for row in await service.rows()} == {"before", "id-1"}


async def test_what_a_dead_instance_claimed_is_sent_when_its_lease_ends(service: Deliveries) -> None:
    await service.write(CHAT)
    async with service.database.transaction() as connection:
        assert await Repository(a_composer()).claim(connection, {Channel.WHATSAPP: 5}, service.clock(), LEASE)
    whatsapp = ScriptedSender()
    runner = service.runner({Channel.WHATSAPP: whatsapp})
    await service.settle(runner)
    assert whatsapp.sent == []
    service.clock.advance(LEASE)
    await service.settle(runner)
    assert len(whatsapp.sent) == 1
    assert whatsapp.sent[0].reference == CHAT.reference


async def test_a_failure_that_was_overtaken_changes_nothing_and_a_success_does(service: Deliveries) -> None:
    await service.write(CHAT)
    repository = Repository(a_composer())
    async with service.database.transaction() as connection:
        (slow,) = await repository.claim(connection, {Channel.WHATSAPP: 5}, NOW, timedelta())
        await repository.claim(connection, {Channel.WHATSAPP: 5}, NOW, LEASE)
        await repository.record(connection, [Outcome(slow, Status.FAILED, "wati", problem="HTTP 400")], NOW)
    assert await service.statuses() == {"whatsapp": "pending"}
    async with service.database.transaction() as connection:
        await repository.record(connection, [Outcome(slow, Status.SENT, "wati", "id-1")], NOW)
        await repository.record(connection, [Outcome(slow, Status.FAILED, "wati", problem="late")], NOW)
    assert await service.statuses() == {"whatsapp": "sent"}


class Failing(Repository):
    """Loses the database the first time that there is something to record."""

    lost = False

    async def record(self, connection: Connection, outcomes: Sequence[Outcome], now: Any) -> list[Lost]:
        lost = await super().record(connection, outcomes, now)
        if outcomes and not self.lost:
            self.lost = True
            raise ConnectionError("the server went away")
        return lost


async def test_an_outcome_outlives_an_outage_of_the_database(service: Deliveries) -> None:
    await service.write(CHAT)
    whatsapp = ScriptedSender()
    repository = Failing(a_composer(local=()))
    await service.settle(service.runner({Channel.WHATSAPP: whatsapp}, repository=repository))
    assert repository.lost
    assert await service.statuses() == {"whatsapp": "sent"}
    assert len(whatsapp.sent) == 1


async def test_the_second_of_two_last_failures_waits_for_the_first_and_alerts(service: Deliveries) -> None:
    await service.write(EMAIL, CHAT)
    repository = Repository(a_composer(local=()))
    async with service.database.transaction() as connection:
        email, chat = sorted(
            await repository.claim(connection, {Channel.EMAIL: 1, Channel.WHATSAPP: 1}, NOW, LEASE),
            key=lambda one: one.delivery.channel,
        )

    async def record_failure(claimed: Claimed) -> list[Lost]:
        async with service.database.transaction() as connection:
            return await repository.record(connection, [Outcome(claimed, Status.FAILED, "x")], NOW)

    async with service.database.transaction() as connection:
        assert await repository.record(connection, [Outcome(email, Status.FAILED, "x")], NOW) == []
        second = asyncio.create_task(record_failure(chat))
        await asyncio.sleep(0.1)
        assert not second.done()
    assert [lost.channels for lost in await second] == [("email", "whatsapp")]


async def test_an_outcome_that_was_recorded_after_all_counts_once(service: Deliveries) -> None:
    await service.write(CHAT)
    repository = Repository(a_composer(local=()))
    async with service.database.transaction() as connection:
        (claimed,) = await repository.claim(connection, {Channel.WHATSAPP: 1}, NOW, LEASE)
    outcomes = [Outcome(claimed, Status.FAILED, "x")]
    counts = []
    for _ in range(2):
        async with service.database.transaction() as connection:
            counts.append(len(await repository.record(connection, outcomes, NOW)))
    assert counts == [1, 0]
