"""The queries for calls to external systems: claimed for a while, done, put off, given up, and begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.availability.unit_of_work import ExternalJob
from shared.database.pool import Connection
from shared.database.statements import Statement

# The first call of each booking; of those without a booking any. Of one system no more at a time than `$4`, those that
# are under way included, so that one that is slow holds up nobody else.
_CLAIM = """
WITH open AS (
  SELECT e.number, e.property_id, e.leased_until IS NOT NULL AND e.leased_until >= $1 AS busy
  FROM outside_errands e
  WHERE e.given_up_at IS NULL AND (e.due_at IS NULL OR e.due_at <= $1) AND NOT EXISTS (
    SELECT 1 FROM outside_errands before
    WHERE before.booking_id = e.booking_id AND before.number < e.number AND before.given_up_at IS NULL)),
placed AS (
  SELECT number, busy, row_number() OVER (PARTITION BY property_id ORDER BY busy DESC, number) AS place FROM open)
UPDATE outside_errands SET leased_until = $1 + $2, attempts = attempts + 1 WHERE number IN (
  SELECT number FROM outside_errands
  WHERE number = ANY(ARRAY(SELECT number FROM placed WHERE NOT busy AND place <= $4 ORDER BY number LIMIT $3))
    AND (leased_until IS NULL OR leased_until < $1)
  ORDER BY number FOR UPDATE SKIP LOCKED)
RETURNING id, booking_id, kind, property_id, body, attempts, problem"""
_RENEW = "UPDATE outside_errands SET leased_until = $2 WHERE id = ANY($1::uuid[]) AND leased_until IS NOT NULL"
_DONE = "DELETE FROM outside_errands WHERE id = $1 RETURNING 1"
_RETRY_LATER = "UPDATE outside_errands SET leased_until = NULL, due_at = $2, problem = $3 WHERE id = $1"
_GIVE_UP = """
UPDATE outside_errands SET leased_until = NULL, given_up_at = $2, problem = $3
WHERE id = $1 AND given_up_at IS NULL RETURNING 1"""
# One that was given up begins anew when it is asked for again.
_ADD = """
INSERT INTO outside_errands (id, booking_id, kind, property_id, body)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
ON CONFLICT (id) DO UPDATE SET given_up_at = NULL, due_at = NULL, attempts = 0
WHERE outside_errands.given_up_at IS NOT NULL"""
_GIVEN_UP = """
SELECT booking_id, property_id, kind, problem, attempts, given_up_at FROM outside_errands
WHERE given_up_at IS NOT NULL AND ($1::text IS NULL OR property_id = $1) ORDER BY given_up_at, number LIMIT $2"""
_RETRY = """
UPDATE outside_errands SET given_up_at = NULL, due_at = NULL, attempts = 0
WHERE booking_id = $1 AND given_up_at IS NOT NULL"""

_DISMISS = "DELETE FROM outside_errands WHERE booking_id = $1 AND given_up_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A call that this process makes; `attempt` counts from 1, `problem` is what went wrong the last time."""

    job: ExternalJob
    attempt: int
    problem: str


async def claim(
    connection: Connection, now: datetime, lease: timedelta, *, limit: int, per_system: int
) -> list[ClaimedJob]:
    """Take up to `limit` calls that are due, so that at most `per_system` of each property are under way."""
    rows = await connection.fetch(_CLAIM, now, lease, limit, per_system)
    return [
        ClaimedJob(
            ExternalJob(row["id"], row["kind"], row["property_id"], row["body"], row["booking_id"]),
            row["attempts"],
            row["problem"],
        )
        for row in rows
    ]


async def renew(connection: Connection, job_ids: Sequence[UUID], until: datetime) -> None:
    """Keep calls until then; one that was put off meanwhile is nobody's."""
    await connection.execute(_RENEW, job_ids, until)


async def done(connection: Connection, job_id: UUID) -> bool:
    """It is over; False: another instance was faster."""
    return bool(await connection.fetchval(_DONE, job_id))


async def retry_later(connection: Connection, job_id: UUID, due_at: datetime, problem: str) -> None:
    """It failed, and is tried again at that time."""
    await connection.execute(_RETRY_LATER, job_id, due_at, problem)


async def give_up(connection: Connection, job_id: UUID, now: datetime, problem: str) -> bool:
    """Nobody runs it any more until a person wants it; False: another instance was faster."""
    return bool(await connection.fetchval(_GIVE_UP, job_id, now, problem))


async def given_up(connection: Connection, property_id: str | None, limit: int) -> list[dict[str, Any]]:
    """Those that were given up, the oldest first."""
    return [dict(row) for row in await connection.fetch(_GIVEN_UP, property_id, limit)]


async def retry(connection: Connection, booking_id: UUID) -> bool:
    """Begin a booking's call anew; False: none was given up."""
    return bool((await connection.execute(_RETRY, booking_id)) != "UPDATE 0")


async def dismiss(connection: Connection, booking_id: UUID) -> bool:
    """A person has done a booking's call elsewhere; False: none was given up."""
    return bool((await connection.execute(_DISMISS, booking_id)) != "DELETE 0")


def added(jobs: Sequence[ExternalJob]) -> Statement:
    """New calls; one that is there already is the same."""
    asked = [(one.id, one.booking_id, one.kind, one.property_id, one.body) for one in jobs]
    return Statement(_ADD, tuple(list(column) for column in zip(*asked, strict=True)))
