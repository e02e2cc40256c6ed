"""Calls to external systems: claimed for a while, done, put off, given up, begun anew; and what they tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.availability.external.selection import Attempt, AttemptStatus
from services.availability.unit_of_work import ExternalJob
from shared.clock import Clock, system_clock
from shared.database.bulk import Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement, execute_together

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
_JOBS = Table(
    "outside_errands",
    ExternalJob,
    on_conflict="(id) DO UPDATE SET given_up_at = NULL, due_at = NULL, attempts = 0"
    " WHERE outside_errands.given_up_at IS NOT NULL",
)
_GIVEN_UP = """
SELECT booking_id, property_id, kind, problem, attempts, given_up_at FROM outside_errands
WHERE given_up_at IS NOT NULL AND ($1::text IS NULL OR property_id = $1) ORDER BY given_up_at, number LIMIT $2"""
_RETRY = """
UPDATE outside_errands SET given_up_at = NULL, due_at = NULL, attempts = 0
WHERE booking_id = $1 AND given_up_at IS NOT NULL"""
_DISMISS = "DELETE FROM outside_errands WHERE booking_id = $1 AND given_up_at IS NOT NULL"

# Attempts at rooms, each noted before the call and again after it.
_ATTEMPTS = Table(
    "outside_attempts",
    Attempt,
    Column("booking_id", "uuid"),
    Column("fate", "text", lambda attempt: attempt.status),
    Column("updated_at", "timestamptz"),
    without=("status",),
    on_conflict="(booking_id, line, room) DO UPDATE SET fate = excluded.fate, code = excluded.code,"
    " problem = excluded.problem, updated_at = excluded.updated_at",
)
_OF_BOOKING = "SELECT line, room, fate, code, problem FROM outside_attempts WHERE booking_id = $1 ORDER BY number"
_HELD_BY_OTHERS = """
SELECT DISTINCT theirs.room FROM holds mine
JOIN room_nights theirs ON theirs.property_id = mine.property_id
  AND theirs.night >= mine.check_in AND theirs.night < mine.check_out AND theirs.booking_id <> mine.booking_id
WHERE mine.booking_id = $1"""
# All of the stay's nights for this hold, or none; one that is its own already stays so.
_SECURE = """
WITH mine AS (SELECT * FROM holds WHERE booking_id = $1 AND state <> 'released' FOR SHARE), wanted AS (
  SELECT property_id, $2::text AS room, night::date FROM mine, generate_series(check_in, check_out - 1, '1 day') night)
INSERT INTO room_nights (property_id, room, night, booking_id)
SELECT property_id, room, night, $1 FROM wanted WHERE NOT EXISTS (
  SELECT 1 FROM room_nights own WHERE own.booking_id = $1 AND own.room = $2)
ORDER BY night"""
_IS_HELD = "SELECT 1 FROM room_nights WHERE booking_id = $1 AND room = $2 LIMIT 1"


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
    return [ClaimedJob(_JOBS.read(row), row["attempts"], row["problem"]) for row in rows]


async def renew(connection: Connection, job_ids: Sequence[UUID], until: datetime) -> None:
    """Keep calls until then; one that was postponed meanwhile is not kept."""
    await connection.execute(_RENEW, job_ids, until)


async def done(connection: Connection, job_id: UUID) -> bool:
    """It is over; False: another instance was faster."""
    return bool(await connection.fetchval(_DONE, job_id))


async def retry_later(connection: Connection, job_id: UUID, due_at: datetime, problem: str) -> None:
    """It failed, and is tried again at that time."""
    await connection.execute(_RETRY_LATER, job_id, due_at, problem)


async def give_up(connection: Connection, job_id: UUID, now: datetime, problem: str) -> bool:
    """Stop the job until a person starts it again; False: another instance was faster."""
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
    return _JOBS.insert(jobs)


class BookingAttemptJournal:
    """Keeps attempts in PostgreSQL, so that one that a crash cut short is made again under the same key.

    `connect` gives the connection of each note.
    """

    def __init__(
        self, connect: Callable[[], AbstractAsyncContextManager[Connection]], clock: Clock = system_clock
    ) -> None:
        self._connect = connect
        self._clock = clock

    async def attempts(self, booking_id: UUID) -> list[Attempt]:
        """Those of a booking, in their order."""
        async with self._connect() as connection:
            rows = await connection.fetch(_OF_BOOKING, booking_id)
        return [_ATTEMPTS.read(row, status=AttemptStatus(row["fate"])) for row in rows]

    async def note(self, booking_id: UUID, attempt: Attempt) -> None:
        """Write an attempt down, or what became of it."""
        note = _ATTEMPTS.insert([attempt], booking_id=booking_id, updated_at=self._clock())
        async with self._connect() as connection:
            await execute_together(connection, [note])

    async def held_by_others(self, booking_id: UUID) -> frozenset[str]:
        """The rooms that other bookings hold or have for the nights of this one's hold."""
        async with self._connect() as connection:
            return frozenset(row["room"] for row in await connection.fetch(_HELD_BY_OTHERS, booking_id))

    async def secure(self, booking_id: UUID, room: str) -> bool:
        """Keep a room for a booking that has a hold; false where another booking has it, or the hold is over."""
        async with self._connect() as connection:
            try:
                await connection.execute(_SECURE, booking_id, room)
            except asyncpg.UniqueViolationError:
                return False
            return bool(await connection.fetchval(_IS_HELD, booking_id, room))
