"""What others read of deliveries: the log, the local outbox, calls that are under way, and rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.notifications.delivery.model import Channel, Status
from services.notifications.delivery.rows import claimed
from shared.database.pool import Connection

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
_IS_ANOTHERS = "SELECT true FROM deliveries WHERE provider_id = $1 AND provider = $2 AND number <> $3 LIMIT 1"
_RATES = """
SELECT channel, count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')) AS arrived, count(*) AS finished,
       mode() WITHIN GROUP (ORDER BY problem) FILTER (WHERE status = 'failed') AS problem
FROM deliveries
WHERE finished_at > $1 AND status IN ('sent', 'delivered', 'read', 'failed') AND provider IS DISTINCT FROM 'local'
GROUP BY channel"""


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


class DeliveryQueries:
    """Reads deliveries outside any batch."""

    async def is_anothers(self, connection: Connection, provider: str, provider_id: str, number: int) -> bool:
        """Whether a provider's id is known as that of another delivery than this one."""
        return bool(await connection.fetchval(_IS_ANOTHERS, provider_id, provider, number))

    async def rates(self, connection: Connection, since: datetime) -> list[Rate]:
        """How each channel did since a moment."""
        rows = await connection.fetch(_RATES, since)
        return [Rate(Channel(row["channel"]), row["arrived"], row["finished"], row["problem"]) for row in rows]

    async def outbox(
        self, connection: Connection, limit: int, booking_id: UUID | None, channel: Channel | None = None
    ) -> list[Mapping[str, Any]]:
        """The newest messages of the local outbox, oldest of them first."""
        return list(await connection.fetch(_OUTBOX, limit, booking_id, channel))

    async def alert_by_reference(self, connection: Connection, reference: UUID) -> str | None:
        """What a call that is under way has to say; None for one that nobody is being called about."""
        rows = await connection.fetch(_CALLS)
        return next((row["text"] for row in rows if claimed(row).delivery.reference == reference), None)

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
