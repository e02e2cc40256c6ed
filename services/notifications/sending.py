"""Sends what is due, outside of any transaction, and writes down what became of it.

One turn is one transaction that records the outcomes of the last turn and claims what is due; between turns the
providers are asked. A claim is a lease: what an instance took and never recorded is another's when the lease ends.

When a message can go out twice: a provider took it, and its outcome was not yet committed when the process died or
lost the database for longer than the lease; or its answer was lost (a time-out). SMTP and WATI know no idempotency
keys, so nobody can close that window; it is the one commit that follows the provider's answer, a few milliseconds,
and every repetition carries the same Message-ID or reference.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from services.notifications.deliveries import Audience, Claimed, Outcome, after_problem
from services.notifications.desk import Desk
from services.notifications.metrics import DELIVERIES, DELIVERY_SECONDS
from services.notifications.repository import Lost, Repository
from services.notifications.senders.port import NotSent, Sender
from shared import outbox
from shared.clock import Clock, system_clock
from shared.contracts.common import Channel
from shared.database import Database
from shared.messages import Outgoing
from shared.outbox import Row
from shared.relay import Relay

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
FAREWELL_SECONDS = 5.0  # how long a stopping instance waits for providers; the lease covers what it then leaves
SOURCE = "posada/notifications"


class Courier:
    """Sends the deliveries of one instance; several instances share them.

    `at_once` bounds the messages under way on each channel, so that a slow provider holds up only its own channel;
    `send_seconds` bounds the wait for a provider, and must be well below `lease`.
    """

    def __init__(
        self,
        database: Database,
        repository: Repository,
        desk: Desk,
        senders: Mapping[Channel, Sender],
        *,
        at_once: int,
        send_seconds: float,
        lease: timedelta,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._repository = repository
        self._desk = desk
        self._senders = senders
        self._at_once = at_once
        self._send_seconds = send_seconds
        self._lease = lease
        self._clock = clock
        self._under_way: Counter[Channel] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._news = asyncio.Event()

    async def run(self, relay: Relay) -> None:
        """Send for ever; on cancellation, wait for what is under way and record it."""
        try:
            while True:
                await self.turn(relay)
                await self._wait()
        except asyncio.CancelledError:
            await self._finish(relay)
            raise

    async def turn(self, relay: Relay, *, claiming: bool = True) -> int:
        """Record outcomes, claim what is due and begin to send it; returns how many were claimed."""
        now, outcomes = self._clock(), list(self._outcomes)
        slots = self._slots() if claiming else {}
        async with self._database.transaction() as connection:
            lost = await self._repository.record(connection, outcomes, now)
            alerts = self._alerts(lost, now)
            await outbox.add(connection, alerts, now)
            claimed = await self._repository.claim(connection, slots, now, self._lease) if slots else []
        del self._outcomes[: len(outcomes)]
        self._begin(claimed)
        _count(outcomes, lost)
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

    def _slots(self) -> dict[Channel, int]:
        free = {channel: self._at_once - self._under_way[channel] for channel in self._senders}
        return {channel: number for channel, number in free.items() if number > 0}

    async def _send(self, claimed: Claimed) -> None:
        channel = claimed.delivery.channel
        with DELIVERY_SECONDS.labels(channel).time():
            outcome = await self._attempt(claimed, self._senders[channel])
        self._under_way[channel] -= 1
        self._outcomes.append(outcome)
        self._news.set()

    async def _attempt(self, claimed: Claimed, sender: Sender) -> Outcome:
        problem, final = "", False
        try:
            async with asyncio.timeout(self._send_seconds):
                receipt = await sender.send(claimed.delivery)
            return Outcome(claimed, receipt.status, sender.name, receipt.provider_id, receipt.provider_status)
        except NotSent as refused:
            problem, final = refused.problem, refused.final
        except TimeoutError:
            problem = "the provider did not answer in time"
        except Exception as fault:  # an adapter's bug must not take the others' messages with it
            problem = type(fault).__name__
            log.error(  # noqa: TRY400 — see _where
                "delivery.fault",
                booking=str(claimed.delivery.booking_id),
                number=claimed.number,
                fault=problem,
                at=_where(fault),
            )
        return after_problem(claimed, sender.name, problem, final=final, now=self._clock())

    def _alerts(self, lost: list[Lost], now: datetime) -> list[Row]:
        alerts = [
            self._desk.unreached(one.booking_id, one.occasion, one.channels)
            for one in lost
            if one.audience is Audience.GUEST
        ]
        return [outbox.row_of(Outgoing.of(alert), SOURCE, None, now) for alert in alerts]

    async def _wait(self) -> None:
        """Until something became of a message, or for as long as a new one may wait."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def _finish(self, relay: Relay) -> None:
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
            await self.turn(relay, claiming=False)
        finally:
            for sender in self._senders.values():
                await sender.close()


def _where(fault: Exception) -> str:
    """The place of a fault, without its words: they may quote an address."""
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"


def _count(outcomes: list[Outcome], lost: list[Lost]) -> None:
    for one in outcomes:
        claimed = one.claimed
        DELIVERIES.labels(claimed.delivery.channel, one.status).inc()
        log.info(
            "delivery",
            number=claimed.number,
            booking=str(claimed.delivery.booking_id),
            channel=claimed.delivery.channel,
            status=one.status,
            attempt=claimed.attempt,
        )
    for occasion in lost:
        log.warning("delivery.nobody_told", booking=str(occasion.booking_id), audience=occasion.audience)
