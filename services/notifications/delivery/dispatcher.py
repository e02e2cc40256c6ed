"""Sends what is due, outside of any transaction, and writes down what became of it.

What is due is claimed in one transaction, the providers are asked, and what became of the messages is recorded, one
statement for all that have ended by then. A claim is a lease: what an instance took and never recorded is another's
when the lease ends.

When a message can go out twice: a provider took it, and the process died, or lost the database for longer than the
lease, before the commit that records it; or its answer was lost on the way. None of our providers has an idempotency
key for messages. So a claim marks a delivery as unsure until its outcome is recorded, and before an unsure one is sent
again the provider is asked whether it has it: Postmark by our reference, WATI by our id, Twilio by recipient and
words. For the others (Gupshup, ManyChat, Exotel, SMTP) the window stays open between their answer and that commit:
one round trip to the database, with at most `at_once` messages of a channel in it. SMTP repeats the Message-ID, by
which mailboxes drop the second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.attempt import DeliveryAttempt
from services.notifications.delivery.metrics import AWAY, DELIVERIES, DELIVERY_SECONDS
from services.notifications.delivery.model import (
    PATIENCE,
    Audience,
    Channel,
    Claimed,
    Outcome,
    Status,
)
from services.notifications.delivery.wake_signal import WakeSignal
from services.notifications.providers.port import Sender
from services.notifications.repository import Lost, Repository
from shared.clock import Clock, system_clock
from shared.database.pool import Database
from shared.messages.message import Outgoing
from shared.observability.logs import log_context
from shared.observability.tracing import client_span
from shared.outbound.breaker import CircuitBreaker
from shared.outbox import outbox
from shared.outbox.outbox import Row
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 0.5  # for what no bell tells of: retries, leases that ended, other instances' events
FAREWELL_SECONDS = 5.0  # how long a stopping instance waits for providers; the lease covers what it then leaves
SOURCE = "posada/notifications"


class DeliveryDispatcher:
    """Sends the deliveries of one instance; several instances share them.

    `at_once` bounds the messages under way on each channel, so that a slow provider holds up only its own channel;
    `send_seconds` bounds the wait for a provider, and must be well below `lease`.
    """

    def __init__(
        self,
        database: Database,
        repository: Repository,
        desk: NotificationComposer,
        senders: Mapping[Channel, Sender],
        *,
        at_once: int,
        send_seconds: float,
        lease: timedelta,
        clock: Clock = system_clock,
        bell: WakeSignal | None = None,
    ) -> None:
        self._database = database
        self._repository = repository
        self._desk = desk
        self._senders = senders
        self._at_once = at_once
        self._lease = lease
        self._clock = clock
        self._bell = bell or WakeSignal()
        self._breakers = {channel: CircuitBreaker() for channel in senders}
        self._attempts = DeliveryAttempt(database, repository, desk, self._breakers, seconds=send_seconds, clock=clock)
        self._under_way: Counter[Channel] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._news = asyncio.Event()

    async def run(self, relay: OutboxPublisher) -> None:
        """Send for ever; on cancellation, wait for what is under way and record it.

        Recording runs beside claiming and waits for nothing: the time from a provider's answer to its commit is the
        one in which a crash may repeat a message.
        """
        recording = asyncio.create_task(self._record_for_ever(relay), name="delivery outcomes")
        try:
            while True:
                await self._claim(relay)
                await self._bell.wait(SWEEP_SECONDS)
                if recording.done():  # only by a fault: it is told, and all begins again
                    await recording
        except asyncio.CancelledError:
            await _ended(recording)
            await self._finish(relay)
            raise
        finally:
            await _ended(recording)

    async def turn(self, relay: OutboxPublisher) -> int:
        """Record outcomes, claim what is due and begin to send it; returns how many were claimed."""
        await self._record(relay)
        return await self._claim(relay)

    async def _record_for_ever(self, relay: OutboxPublisher) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._record(relay)
            finally:
                self._bell.ring()

    async def _record(self, relay: OutboxPublisher) -> None:
        """Commit what became of messages: in one round trip where all went well, else with what follows from it."""
        outcomes = list(self._outcomes)
        if not outcomes:
            return
        now = self._clock()
        lost: list[Lost] = []
        alerts: list[Row] = []
        if all(one.status is not Status.FAILED for one in outcomes):
            async with self._database.connection() as connection:
                await self._repository.record(connection, outcomes, now)
        else:
            async with self._database.transaction() as connection:
                lost = await self._repository.record(connection, outcomes, now)
                alerts = self._alerts(lost, now)
                await outbox.add(connection, alerts, now)
        del self._outcomes[: len(outcomes)]
        _count(outcomes, lost)
        await relay.send(alerts)

    async def _claim(self, relay: OutboxPublisher) -> int:
        """Take in reports, give up on absent providers, claim what is due and begin to send it."""
        now = self._clock()
        slots = self._slots(now)
        for channel, breaker in self._breakers.items():
            AWAY.labels(channel).set(breaker.is_away(now))
        away = [channel for channel, breaker in self._breakers.items() if breaker.nothing_passes]
        async with self._database.transaction() as connection:
            lost = await self._repository.apply_reports(connection, now)
            if away:
                lost += await self._repository.lapse(connection, away, now - PATIENCE, now)
            alerts = self._alerts(lost, now)
            await outbox.add(connection, alerts, now)
            claimed = await self._repository.claim(connection, slots, now, self._lease) if slots else []
        self._begin(claimed)
        _count([], lost)
        await relay.send(alerts)
        return len(claimed)

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing unrecorded."""
        return not self._under_way.total() and not self._outcomes

    def _begin(self, claimed: list[Claimed]) -> None:
        for one in claimed:
            self._under_way[one.delivery.channel] += 1
            task = asyncio.create_task(self._send(one), name=f"delivery {one.number}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _slots(self, now: datetime) -> dict[Channel, int]:
        unrecorded = Counter(one.claimed.delivery.channel for one in self._outcomes)
        free = {
            channel: breaker.allows(self._under_way[channel] + unrecorded[channel], self._at_once, now)
            for channel, breaker in self._breakers.items()
        }
        return {channel: number for channel, number in free.items() if number > 0}

    async def _send(self, claimed: Claimed) -> None:
        channel = claimed.delivery.channel
        with DELIVERY_SECONDS.labels(channel).time(), _in_its_trace(claimed):
            outcome = await self._attempts.make(claimed, self._senders[channel])
        self._under_way[channel] -= 1
        self._outcomes.append(outcome)
        self._news.set()

    def _alerts(self, lost: list[Lost], now: datetime) -> list[Row]:
        alerts = [
            self._desk.unreached(one.booking_id, one.occasion, one.channels, one.property_id)
            for one in lost
            if one.audience is Audience.GUEST
        ]
        return [outbox.row_of(Outgoing.of(alert), SOURCE, None, now) for alert in alerts]

    async def _finish(self, relay: OutboxPublisher) -> None:
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
            await self._record(relay)
        finally:
            for sender in set(self._senders.values()):
                await sender.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _in_its_trace(claimed: Claimed) -> Iterator[None]:
    """Lines and spans of a sending belong to the booking and to the trace of the event."""
    delivery = claimed.delivery
    with (
        log_context(str(delivery.booking_id), delivery.traceparent),
        client_span(f"send {delivery.channel}", delivery.traceparent, **{"posada.booking": str(delivery.booking_id)}),
    ):
        yield


def _count(outcomes: list[Outcome], lost: list[Lost]) -> None:
    for one in outcomes:
        claimed = one.claimed
        DELIVERIES.labels(claimed.delivery.channel, one.status).inc()
        with log_context(str(claimed.delivery.booking_id), claimed.delivery.traceparent):
            log.info(
                "delivery",
                number=claimed.number,
                channel=claimed.delivery.channel,
                status=one.status,
                attempt=claimed.attempt,
            )
    for occasion in lost:
        log.warning("delivery.nobody_told", booking=str(occasion.booking_id), audience=occasion.audience)
