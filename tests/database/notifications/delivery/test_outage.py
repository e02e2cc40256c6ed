"""A provider out of order for an hour, in each way: the next channel is used, staff told once, and it resumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from services.notifications.consumers import routes
from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import PATIENCE, Channel, Status
from services.notifications.delivery.rate_monitor import DeliveryRateMonitor
from services.notifications.providers.gupshup.sender import GupshupWhatsApp
from services.notifications.providers.port import Sender
from services.notifications.repository import Repository, UnitOfWork
from shared.consumer.processor import Processor
from shared.contracts.notifications import DeliveryRateFell, DeliveryRateRecovered, StaffAlerted
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import NOW, a_composer, a_delivery
from tests.support.doubles import message_providers as doubles
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.message_providers import Answer, Asked, Double, told
from tests.support.doubles.senders import MovableClock, ScriptedSender
from tests.support.doubles.transport import PostOffice, message_of, process_records, record_of_row

MINUTE = timedelta(minutes=1)
OUTAGE, AFTER = 60, 80  # minutes; a message a minute
ILLS: dict[str, Callable[[Asked], Answer | None]] = {
    "429": lambda _: told(429, b"slow down", **{"Retry-After": "30"}),
    "500": lambda _: told(500, b"oops"),
    "closes": lambda _: None,
    "HTML": lambda _: told(200, b"<html>We are down for maintenance</html>"),
    "hangs": lambda _: None,
}


class Hour:
    """Notifications with a clock of its own: guests on WhatsApp with SMS standing by, and staff by e-mail."""

    def __init__(self, database: Database, post_office: PostOffice, double: Double) -> None:
        self.clock = MovableClock()
        self.database = database
        self.post_office = post_office
        self.relay = OutboxPublisher(post_office, database, clock=self.clock)
        self.composer = a_composer(local=(), staff_email="desk@example.com")
        self.repository = Repository(self.composer)
        self.whatsapp = GupshupWhatsApp(
            "secret", "DemoApp", "50322223333", url=double.url, seconds=0.05, connections=8, allowed=LOOPBACK
        )
        self.sms, self.email = ScriptedSender(), ScriptedSender()
        senders: dict[Channel, Sender] = {
            Channel.WHATSAPP: self.whatsapp,
            Channel.SMS: self.sms,
            Channel.EMAIL: self.email,
        }
        self.runner = delivery_runner(
            database,
            self.repository,
            self.composer,
            senders,
            at_once=8,
            send_seconds=1,
            lease=MINUTE,
            clock=self.clock,
        )
        self.watch = DeliveryRateMonitor(
            database, self.repository, wanted=0.95, window=timedelta(hours=1), least=5, clock=self.clock
        )
        self.consumer = Processor(routes(self.repository), database, self.relay, clock=self.clock, retry_pauses=())
        self.told: Counter[type] = Counter()

    async def write(self, number: int) -> None:
        booking = UUID(int=number + 1)
        pair = [
            a_delivery(booking_id=booking, place=1),
            a_delivery(Channel.SMS, booking_id=booking, place=2, status=Status.STANDBY),
        ]
        async with self.database.transaction() as connection:
            await self.repository.save(connection, UnitOfWork(self.composer, pair), self.clock())

    async def minute(self) -> None:
        """Let everybody do what is due, and a minute pass."""
        for _ in range(4):
            await self.settle()
            await self.watch.look(self.relay)
            rows = self.post_office.taken()
            self.told.update(type(message_of(row)) for row in rows)
            await process_records(self.consumer, [record_of_row(row) for row in rows])
            await self.settle()
            self.clock.advance(MINUTE / 4)

    async def settle(self) -> None:
        while await self.runner.run_due(self.relay):
            pass

    async def finished(self) -> dict[int, str]:
        """By which channel each guest was told."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT booking_id, channel FROM deliveries WHERE status = 'sent' AND audience = 'guest'"
            )
        assert max(Counter(row["booking_id"] for row in rows).values(), default=0) <= 1
        return {row["booking_id"].int - 1: row["channel"] for row in rows}


@pytest.mark.parametrize("ill", ILLS)
async def test_an_hour_without_a_provider(ill: str, database: Database, post_office: PostOffice) -> None:
    async with doubles.serving(doubles.gupshup_whatsapp) as double:
        hour = Hour(database, post_office, double)
        for number in range(-20, 0):  # what went well before
            await hour.write(number + 1000)
        await hour.minute()
        double.instead = ILLS[ill]
        double.seconds = 0.2 if ill == "hangs" else 0
        for number in range(OUTAGE):
            await hour.write(number)
            await hour.minute()
        asked_in_vain = len(double.asked) - 20
        double.instead, double.seconds = None, 0
        for number in range(OUTAGE, AFTER):
            await hour.write(number)
            await hour.minute()
        for _ in range(60):
            await hour.minute()
        told = await hour.finished()
        await hour.whatsapp.close()
    late = int(PATIENCE / MINUTE) + 2
    assert set(range(AFTER)) <= set(told)  # nobody is left out
    assert {told[number] for number in range(OUTAGE - late)} == {"sms"}
    assert {told[number] for number in range(OUTAGE + 1, AFTER)} == {"whatsapp"}  # by itself
    assert (hour.told[DeliveryRateFell], hour.told[DeliveryRateRecovered]) == (1, 1)
    assert hour.told[StaffAlerted] == 0
    assert [one.recipient for one in hour.email.sent] == ["desk@example.com"]  # once
    assert "whatsapp" in hour.email.sent[0].content.text
    assert asked_in_vain < OUTAGE * 5  # a provider that is away is asked now and then, not by everybody


async def test_a_message_that_waited_is_not_held_up_by_the_absent_provider(
    database: Database, post_office: PostOffice
) -> None:
    async with doubles.serving(doubles.gupshup_whatsapp) as double:
        hour = Hour(database, post_office, double)
        double.instead = ILLS["500"]
        for number in range(100):
            await hour.write(number)
        for _ in range(int(PATIENCE / MINUTE) + 1):
            await hour.minute()
        assert len(await hour.finished()) == 100
        await hour.whatsapp.close()
    assert hour.clock.now - NOW < PATIENCE + 2 * MINUTE
