"""The journal of what was tried at outside inventories: each note is a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import asyncpg

from services.availability.external.selection import Attempt, AttemptStatus
from shared.clock import Clock, system_clock
from shared.database.pool import Connection

_OF_BOOKING = "SELECT line, room, fate, code, problem FROM outside_attempts WHERE booking_id = $1 ORDER BY number"
_NOTE = """
INSERT INTO outside_attempts (booking_id, line, room, fate, code, problem, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (booking_id, line, room) DO UPDATE SET
  fate = excluded.fate, code = excluded.code, problem = excluded.problem, updated_at = excluded.updated_at"""
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
        return [
            Attempt(row["line"], row["room"], AttemptStatus(row["fate"]), row["code"], row["problem"]) for row in rows
        ]

    async def note(self, booking_id: UUID, attempt: Attempt) -> None:
        """Write an attempt down, or what became of it."""
        facts = (attempt.line, attempt.room, attempt.status.value, attempt.code, attempt.problem)
        async with self._connect() as connection:
            await connection.execute(_NOTE, booking_id, *facts, self._clock())

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
