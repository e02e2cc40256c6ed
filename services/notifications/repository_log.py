"""What is read of deliveries, and what is noted beside them: the log, reports that came in, rates and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.notifications import repository_sql as sql
from services.notifications.deliveries import Channel, Status
from services.notifications.reports import Report
from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a channel's messages arrived, of those that were finished within a window."""

    channel: Channel
    arrived: int
    finished: int
    problem: str | None

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.arrived / self.finished


class DeliveryLog:
    """The deliveries as others see them: the API, the webhooks and the watch."""

    async def take_reports(self, connection: Connection, reports: Sequence[Report], now: datetime) -> None:
        """Write down what providers say; the same again changes nothing."""
        await connection.execute(
            sql.TAKE_REPORT,
            [one.provider for one in reports],
            [sql.storable(one.provider_id) for one in reports],
            [one.fate.value for one in reports],
            [one.at for one in reports],
            [sql.storable(one.said) for one in reports],
            [sql.storable(one.problem) for one in reports],
            [now for _ in reports],
        )

    async def is_anothers(self, connection: Connection, provider: str, provider_id: str, number: int) -> bool:
        """Whether a provider's id is known as that of another delivery than this one."""
        return bool(await connection.fetchval(sql.IS_ANOTHERS, provider_id, provider, number))

    async def forget_reports(self, connection: Connection, before: datetime) -> None:
        """Drop what is long settled."""
        await connection.execute(sql.FORGET_REPORTS, before)

    async def rates(self, connection: Connection, since: datetime) -> list[Rate]:
        """How each channel did since a moment."""
        rows = await connection.fetch(sql.RATES, since)
        return [Rate(Channel(row["channel"]), row["arrived"], row["finished"], row["problem"]) for row in rows]

    async def open_alarms(self, connection: Connection) -> dict[Channel, tuple[UUID, datetime]]:
        """Alarms that were raised and not cleared, with their times."""
        rows = await connection.fetch(sql.ALARMS)
        return {
            Channel(row["channel"]): (row["alarm_id"], row["raised_at"]) for row in rows if row["cleared_at"] is None
        }

    async def raise_alarm(self, connection: Connection, channel: Channel, now: datetime) -> UUID | None:
        """Begin an alarm; None where one is open, this instance's or another's."""
        alarm_id = uuid4()
        return alarm_id if await connection.fetchval(sql.RAISE, channel.value, alarm_id, now) else None

    async def clear_alarm(self, connection: Connection, channel: Channel, now: datetime) -> bool:
        """End an alarm; False where there is none."""
        return bool(await connection.fetchval(sql.CLEAR, channel.value, now))

    async def outbox(
        self, connection: Connection, limit: int, booking_id: UUID | None, channel: Channel | None = None
    ) -> list[Mapping[str, Any]]:
        """The newest messages of the local outbox, oldest of them first."""
        return list(await connection.fetch(sql.OUTBOX, limit, booking_id, channel))

    async def alert_by_reference(self, connection: Connection, reference: UUID) -> str | None:
        """What a call that is under way has to say; None for one that nobody is being called about."""
        rows = await connection.fetch(sql.CALLS)
        return next((row["text"] for row in rows if sql.claimed(row).delivery.reference == reference), None)

    async def log(
        self,
        connection: Connection,
        *,
        booking_id: UUID | None,
        status: Status | None,
        channel: Channel | None,
        before: int | None,
        limit: int,
    ) -> list[Mapping[str, Any]]:
        """Deliveries, newest first, older than the number `before`."""
        return list(await connection.fetch(sql.LOG, booking_id, status, channel, before, limit))
