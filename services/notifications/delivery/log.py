"""What is read of deliveries, and what is noted beside them: the log, reports that came in, rates and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.notifications import repository_sql as sql
from services.notifications.delivery.model import Channel, Status
from services.notifications.providers.report import Report
from shared.database.bulk import Column, Table
from shared.database.pool import Connection
from shared.database.statements import execute_together

_OUTBOX = """
SELECT * FROM (
    SELECT * FROM deliveries WHERE status = 'stored' AND ($2::uuid IS NULL OR booking_id = $2)
      AND ($3::text IS NULL OR channel = $3)
    ORDER BY number DESC LIMIT $1) AS newest
ORDER BY number"""
_LOG = """
SELECT * FROM deliveries
WHERE ($1::uuid IS NULL OR booking_id = $1) AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR channel = $3) AND ($4::bigint IS NULL OR number < $4)
ORDER BY number DESC LIMIT $5"""
_CALLS = """
SELECT deliveries.*, false AS was_unsure, NULL::timestamptz AS heard_at FROM deliveries
WHERE channel = 'voice' AND status IN ('pending', 'sent') ORDER BY number DESC LIMIT 100"""
_REPORTS = Table(
    "reports",
    Report,
    Column("fate", "text", lambda report: report.status),
    Column("provider_id", "text", lambda report: sql.storable(report.provider_id)),
    Column("said", "text", lambda report: sql.storable(report.said)),
    Column("problem", "text", lambda report: sql.storable(report.problem)),
    Column("received_at", "timestamptz"),
    without=("status",),
    on_conflict="DO NOTHING",
)
_KNOWN_AS = """
SELECT deliveries.*, false AS was_unsure, NULL::timestamptz AS heard_at FROM deliveries
WHERE provider = $1 AND provider_id = $2"""
_IS_ANOTHERS = "SELECT true FROM deliveries WHERE provider_id = $1 AND provider = $2 AND number <> $3 LIMIT 1"
_FORGET_REPORTS = "DELETE FROM reports WHERE received_at < $1"
_RATES = """
SELECT channel, count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')) AS arrived, count(*) AS finished,
       mode() WITHIN GROUP (ORDER BY problem) FILTER (WHERE status = 'failed') AS problem
FROM deliveries
WHERE finished_at > $1 AND status IN ('sent', 'delivered', 'read', 'failed') AND provider IS DISTINCT FROM 'local'
GROUP BY channel"""
_ALARMS = "SELECT channel, alarm_id, raised_at, cleared_at FROM alarms FOR UPDATE"
_RAISE = """
INSERT INTO alarms (channel, alarm_id, raised_at) VALUES ($1, $2, $3)
ON CONFLICT (channel) DO UPDATE SET alarm_id = excluded.alarm_id, raised_at = excluded.raised_at, cleared_at = NULL
WHERE alarms.cleared_at IS NOT NULL
RETURNING channel"""
_CLEAR = "UPDATE alarms SET cleared_at = $2 WHERE channel = $1 AND cleared_at IS NULL RETURNING channel"


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
        await execute_together(connection, [_REPORTS.insert(reports, received_at=now)])

    async def are_about(self, connection: Connection, reports: Sequence[Report], reference: str) -> bool:
        """Whether no report speaks of a delivery with another reference; of one that is not known yet none does."""
        for one in reports:
            rows = await connection.fetch(_KNOWN_AS, one.provider, sql.storable(one.provider_id))
            if any(str(sql.claimed(row).delivery.reference) != reference for row in rows):
                return False
        return True

    async def is_anothers(self, connection: Connection, provider: str, provider_id: str, number: int) -> bool:
        """Whether a provider's id is known as that of another delivery than this one."""
        return bool(await connection.fetchval(_IS_ANOTHERS, provider_id, provider, number))

    async def forget_reports(self, connection: Connection, before: datetime) -> None:
        """Drop what is long settled."""
        await connection.execute(_FORGET_REPORTS, before)

    async def rates(self, connection: Connection, since: datetime) -> list[Rate]:
        """How each channel did since a moment."""
        rows = await connection.fetch(_RATES, since)
        return [Rate(Channel(row["channel"]), row["arrived"], row["finished"], row["problem"]) for row in rows]

    async def open_alarms(self, connection: Connection) -> dict[Channel, tuple[UUID, datetime]]:
        """Alarms that were raised and not cleared, with their times."""
        rows = await connection.fetch(_ALARMS)
        return {
            Channel(row["channel"]): (row["alarm_id"], row["raised_at"]) for row in rows if row["cleared_at"] is None
        }

    async def raise_alarm(self, connection: Connection, channel: Channel, now: datetime) -> UUID | None:
        """Begin an alarm; None where one is open, this instance's or another's."""
        alarm_id = uuid4()
        return alarm_id if await connection.fetchval(_RAISE, channel.value, alarm_id, now) else None

    async def clear_alarm(self, connection: Connection, channel: Channel, now: datetime) -> bool:
        """End an alarm; False where there is none."""
        return bool(await connection.fetchval(_CLEAR, channel.value, now))

    async def outbox(
        self, connection: Connection, limit: int, booking_id: UUID | None, channel: Channel | None = None
    ) -> list[Mapping[str, Any]]:
        """The newest messages of the local outbox, oldest of them first."""
        return list(await connection.fetch(_OUTBOX, limit, booking_id, channel))

    async def alert_by_reference(self, connection: Connection, reference: UUID) -> str | None:
        """What a call that is under way has to say; None for one that nobody is being called about."""
        rows = await connection.fetch(_CALLS)
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
        return list(await connection.fetch(_LOG, booking_id, status, channel, before, limit))
