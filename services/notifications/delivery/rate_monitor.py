"""Measures each channel's delivery rate and raises the alarm below what is wanted, once until it has recovered."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.notifications.delivery.metrics import DELIVERY_RATE
from services.notifications.delivery.model import Channel
from services.notifications.delivery.queries import Rate
from services.notifications.repository import Repository
from shared.clock import Clock, system_clock
from shared.contracts.notifications import DeliveryRateFell, DeliveryRateRecovered
from shared.database.pool import Connection, Database
from shared.messages.message import Message, Outgoing
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0
REPORTS_KEPT = timedelta(days=30)
SOURCE = "posada/notifications"


class DeliveryRateMonitor:
    """Looks at the deliveries finished within `window`; fewer than `least` of a channel's say nothing yet."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        *,
        wanted: float,
        window: timedelta,
        least: int,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._repository = repository
        self._wanted = wanted
        self._window = window
        self._least = least
        self._clock = clock

    async def run(self, relay: OutboxPublisher) -> None:
        """Look again and again; several instances raise one alarm."""
        while True:
            await self.look(relay)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, relay: OutboxPublisher) -> list[Message]:
        """Measure, raise and clear; returns what is to be sent."""
        now = self._clock()
        async with self._database.transaction() as connection:
            rates = await self._repository.rates(connection, now - self._window)
            messages = await self._judge(connection, rates, now)
            rows = [outbox.row_of(Outgoing.of(one), SOURCE, None, now) for one in messages]
            await outbox.add(connection, rows, now)
            await self._repository.forget_reports(connection, now - REPORTS_KEPT)
        await relay.send(rows)
        return messages

    async def _judge(self, connection: Connection, rates: list[Rate], now: datetime) -> list[Message]:
        alarms = await self._repository.open_alarms(connection)
        messages: list[Message] = []
        self._show(rates)
        for rate in rates:
            if rate.share >= self._wanted and rate.channel in alarms:
                if await self._repository.clear_alarm(connection, rate.channel, now):
                    messages.append(self._recovered(rate, alarms, now))
            elif rate.share < self._wanted and rate.finished >= self._least and rate.channel not in alarms:
                messages += await self._fell(connection, rate, now)
        return messages

    def _show(self, rates: list[Rate]) -> None:
        """Set the gauges; a channel that has too few messages within the window for a word shows none."""
        DELIVERY_RATE.clear()
        for rate in rates:
            if rate.finished >= self._least:
                DELIVERY_RATE.labels(rate.channel).set(rate.share)

    async def _fell(self, connection: Connection, rate: Rate, now: datetime) -> list[Message]:
        alarm_id = await self._repository.raise_alarm(connection, rate.channel, now)
        if alarm_id is None:
            return []
        log.warning("delivery_rate.low", channel=rate.channel, rate=round(rate.share, 3), finished=rate.finished)
        return [
            DeliveryRateFell(
                alarm_id=alarm_id,
                channel=rate.channel.value,
                rate=rate.share,
                wanted=self._wanted,
                finished=rate.finished,
                problem=rate.problem or "",
                at=now,
            )
        ]

    @staticmethod
    def _recovered(rate: Rate, alarms: dict[Channel, tuple[UUID, datetime]], now: datetime) -> Message:
        alarm_id, _ = alarms[rate.channel]
        log.info("delivery_rate.recovered", channel=rate.channel, rate=round(rate.share, 3))
        return DeliveryRateRecovered(alarm_id=alarm_id, channel=rate.channel.value, rate=rate.share, at=now)
