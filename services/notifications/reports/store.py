"""Reports of providers: written down as they come, and applied to the deliveries that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from services.notifications.delivery import (
    DELIVERIES,
    Composer,
    DeliveryStore,
    Event,
    Form,
    Lost,
    Occasion,
    Status,
    claimed,
    storable,
)
from services.notifications.events import supersedes
from services.notifications.providers import Report, ReportStatus
from services.notifications.reports.model import after_report
from shared.commit_hooks import on_commit
from shared.database.bulk import Column, Table
from shared.database.pool import CONTENDED, UNAVAILABLE, Connection
from shared.database.statements import execute_together
from shared.errors import described

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]
REPORTS = 500  # at most in one transaction
FAILURES = 5  # attempts at a report that cannot be applied
CLOSED = (Status.FAILED, Status.WITHDRAWN, Status.STORED)  # what no report changes any more

_REPORTS = Table(
    "reports",
    Report,
    Column("fate", "text", lambda report: report.status),
    Column("provider_id", "text", lambda report: storable(report.provider_id)),
    Column("said", "text", lambda report: storable(report.said)),
    Column("problem", "text", lambda report: storable(report.problem)),
    Column("received_at", "timestamptz"),
    without=("status",),
    on_conflict="DO NOTHING",
)
_KNOWN_AS = """
SELECT deliveries.*, false AS was_unsure, NULL::timestamptz AS heard_at FROM deliveries
WHERE provider = $1 AND provider_id = $2"""
_FORGET_REPORTS = "DELETE FROM reports WHERE received_at < $1"
_UNAPPLIED = """
SELECT reports.id, reports.fate, reports.at, reports.said, reports.problem AS reported_problem, deliveries.number,
       deliveries.booking_id, deliveries.occasion, deliveries.channel
FROM reports JOIN deliveries USING (provider, provider_id)
WHERE NOT reports.applied AND reports.failures < $2 ORDER BY reports.id LIMIT $1"""
_NOTE_FAILURE = "UPDATE reports SET failures = failures + 1 WHERE id = $1"
_STATUSES = "SELECT number, status, form, template IS NOT NULL AS has_template FROM deliveries WHERE number = ANY($1)"
_REPORTED = """
UPDATE deliveries SET status = $2, form = $3, provider_status = $4, problem = coalesce($5, problem),
    due_at = CASE WHEN $2 = 'pending' THEN $9::timestamptz ELSE due_at END,
    waits_since = CASE WHEN $2 = 'pending' THEN $9 ELSE waits_since END,
    attempts = CASE WHEN $2 = 'pending' THEN 0 ELSE attempts END,
    finished_at = CASE WHEN $2 = 'pending' THEN NULL ELSE finished_at END,
    delivered_at = coalesce(delivered_at, $6), read_at = coalesce(read_at, $7)
WHERE number = $1 AND status <> ALL($8::text[])"""
_APPLIED = "UPDATE reports SET applied = true WHERE id = ANY($1::bigint[])"
TOLD = """
SELECT DISTINCT booking_id, occasion FROM deliveries WHERE booking_id = ANY($1::uuid[]) AND audience = 'guest'"""
_IS_OFF = "SELECT true FROM agenda WHERE booking_id = $1 AND state = 'off'"


class ReportStore(DeliveryStore[Composer]):
    """Takes what providers say, and lets it take effect."""

    async def take_reports(self, connection: Connection, reports: Sequence[Report], now: datetime) -> None:
        """Write down what providers say; the same again changes nothing."""
        await execute_together(connection, [_REPORTS.insert(reports, received_at=now)])

    async def are_about(self, connection: Connection, reports: Sequence[Report], reference: str) -> bool:
        """Whether no report speaks of a delivery with another reference; of one that is not known yet none does."""
        for one in reports:
            rows = await connection.fetch(_KNOWN_AS, one.provider, storable(one.provider_id))
            if any(str(claimed(row).delivery.reference) != reference for row in rows):
                return False
        return True

    async def forget_reports(self, connection: Connection, before: datetime) -> None:
        """Drop what is long settled."""
        await connection.execute(_FORGET_REPORTS, before)

    async def apply_reports(self, connection: Connection, now: datetime) -> list[Lost]:
        """Let what providers said take effect, also what came before we had written down that the message was sent.

        One that fails stops no other; after FAILURES attempts it is left alone.
        """
        rows = await connection.fetch(_UNAPPLIED, REPORTS, FAILURES)
        if not rows:
            return []
        try:
            async with connection.transaction():
                return await self._apply(connection, rows, now)
        except (*UNAVAILABLE, *CONTENDED):
            raise
        except Exception:  # logged for the report at fault alone
            return [lost for row in rows for lost in await self._apply_alone(connection, row, now)]

    async def _apply_alone(self, connection: Connection, row: Row, now: datetime) -> list[Lost]:
        try:
            async with connection.transaction():
                return await self._apply(connection, [row], now)
        except (*UNAVAILABLE, *CONTENDED):
            raise
        except Exception as fault:
            await connection.execute(_NOTE_FAILURE, row["id"])
            on_commit(partial(log.error, "report.not_applied", report=row["id"], fault=described(fault)))
            return []

    async def _apply(self, connection: Connection, rows: Sequence[Row], now: datetime) -> list[Lost]:
        await self.lock(
            connection, [row["number"] for row in rows], {(row["booking_id"], row["occasion"]) for row in rows}
        )
        known = await connection.fetch(_STATUSES, [row["number"] for row in rows])
        states = {row["number"]: (Status(row["status"]), Form(row["form"]), row["has_template"]) for row in known}
        failed: dict[Occasion, str] = {}
        for row in rows:
            status, form, has_template = states[row["number"]]
            reported = after_report(status, form, ReportStatus(row["fate"]), has_template=has_template)
            after, form = reported.status, reported.form
            if after is Status.PENDING and await self._is_overtaken(connection, row["booking_id"], row["occasion"]):
                after = Status.WITHDRAWN
            states[row["number"]] = (after, form, has_template)
            await connection.execute(_REPORTED, *_reported(row, after, form), list(CLOSED), now)
            if after is Status.FAILED and status is not Status.FAILED:
                failed[row["booking_id"], row["occasion"]] = row["channel"]
        await connection.execute(_APPLIED, [row["id"] for row in rows])
        lost = await self.pass_on(connection, set(failed), now)
        on_commit(self._wake.set)
        for channel in failed.values():
            on_commit(DELIVERIES.labels(channel, Status.FAILED).inc)
        return lost

    async def _is_overtaken(self, connection: Connection, booking_id: UUID, occasion: str) -> bool:
        """Whether what would go out again has become untrue or idle meanwhile."""
        newer = [row["occasion"] for row in await connection.fetch(TOLD, [booking_id])]
        newer += [Event.CANCELLED] if await connection.fetchval(_IS_OFF, booking_id) else []
        return any(supersedes(one, occasion) for one in newer)


def _reported(row: Mapping[str, Any], status: Status, form: Form) -> tuple[Any, ...]:
    fate = ReportStatus(row["fate"])
    delivered_at = row["at"] if fate in (ReportStatus.DELIVERED, ReportStatus.READ) else None
    read_at = row["at"] if fate is ReportStatus.READ else None
    return row["number"], status, form, row["said"], row["reported_problem"], delivered_at, read_at
