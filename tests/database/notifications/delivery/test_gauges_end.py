"""What Prometheus is shown of rates and of absent providers ends with what it tells of."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import BACK_OFF, Channel, Status
from services.notifications.delivery.rate_monitor import DeliveryRateMonitor
from services.notifications.repository import Repository, UnitOfWork
from shared.database.pool import Database
from shared.outbound.breaker import FAILURES, CircuitBreaker
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import NOW, a_composer, a_delivery
from tests.support.doubles.senders import FINAL, PASSING, TAKEN, MovableClock, ScriptedSender

REMEMBERED = timedelta(minutes=11)
WINDOW, LEAST = timedelta(hours=1), 5


def shown(name: str, channel: Channel) -> float | None:
    return REGISTRY.get_sample_value(name, {"channel": channel.value})


def test_a_provider_is_away_until_nobody_has_seen_it_fail_for_long() -> None:
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        assert not breaker.is_away(NOW)
        breaker.failed(NOW)
    assert breaker.is_away(NOW + max(BACK_OFF))  # the next attempt may be as late as that
    assert not breaker.is_away(NOW + REMEMBERED)
    assert breaker.open  # it is still tried with care
    breaker.failed(NOW + REMEMBERED)
    assert breaker.is_away(NOW + REMEMBERED)
    breaker.succeeded()
    assert not breaker.is_away(NOW + REMEMBERED)


class Monitored:
    """A runner and a watch over one database, with a clock of their own."""

    def __init__(self, database: Database, relay: OutboxPublisher, sender: ScriptedSender) -> None:
        self.clock = MovableClock()
        self.relay = relay
        self._database = database
        self._composer = a_composer(local=())
        self._repository = Repository(self._composer)
        given = {"at_once": 8, "send_seconds": 5.0, "lease": timedelta(minutes=1), "clock": self.clock}
        senders = {Channel.WHATSAPP: sender, Channel.SMS: ScriptedSender(TAKEN)}
        self._runner = delivery_runner(database, self._repository, self._composer, senders, **given)  # type: ignore[arg-type]
        self._watch = DeliveryRateMonitor(
            database, self._repository, wanted=0.95, window=WINDOW, least=LEAST, clock=self.clock
        )

    async def write(self, number: int) -> None:
        bookings = [uuid4() for _ in range(number)]
        pairs = [
            one
            for booking in bookings
            for one in (
                a_delivery(booking_id=booking, place=1),
                a_delivery(Channel.SMS, booking_id=booking, place=2, status=Status.STANDBY),
            )
        ]
        async with self._database.transaction() as connection:
            await self._repository.save(connection, UnitOfWork(self._composer, pairs), self.clock())

    async def settle(self) -> None:
        while await self._runner.run_due(self.relay):
            pass
        await self._watch.look(self.relay)


@pytest.mark.real
async def test_a_provider_that_nobody_asks_any_more_is_not_away_for_ever(
    database: Database, relay: OutboxPublisher
) -> None:
    service = Monitored(database, relay, ScriptedSender(PASSING))
    await service.write(FAILURES)
    for _ in range(FAILURES):
        await service.settle()
        service.clock.advance(timedelta(minutes=2))
    assert shown("posada_provider_away", Channel.WHATSAPP) == 1
    for _ in range(10):  # all go by the next channel
        service.clock.advance(timedelta(minutes=5))
        await service.settle()
    assert shown("posada_provider_away", Channel.WHATSAPP) == 0


@pytest.mark.real
async def test_a_rate_is_shown_from_enough_messages_on_and_while_they_are_in_the_window(
    database: Database, relay: OutboxPublisher
) -> None:
    service = Monitored(database, relay, ScriptedSender(FINAL))
    await service.write(LEAST - 1)
    await service.settle()
    assert shown("posada_delivery_rate", Channel.WHATSAPP) is None
    await service.write(1)
    await service.settle()
    assert shown("posada_delivery_rate", Channel.WHATSAPP) == 0
    service.clock.advance(WINDOW * 2)
    await service.settle()
    assert shown("posada_delivery_rate", Channel.WHATSAPP) is None
