"""The reading queries: what the API shows, outside any batch and without locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from shared.database import Database

_PAYMENTS = "SELECT *, amount - reserved - captured - refunded AS left_over FROM payments WHERE id = $1"
_SERVED = """
SELECT booking_id, status, amount, codes, found_later, changed_at FROM payment_requests
WHERE payment_id = $1 ORDER BY started_at, booking_id LIMIT 1000"""
_REQUEST = "SELECT * FROM payment_requests WHERE booking_id = $1"
_FLAT = """
SELECT id, coalesce(authorization_number, transfer_id) AS number, amount, currency, posted_on, captured > 0 AS used,
       codes, captured_at
FROM payments
WHERE ($1::uuid IS NULL OR id > $1) AND ($2::date IS NULL OR posted_on >= $2) AND ($3::date IS NULL OR posted_on <= $3)
ORDER BY id LIMIT $4"""
_WAITING = "SELECT * FROM payment_requests WHERE waits ORDER BY next_attempt_at, booking_id LIMIT $1"

Row = Mapping[str, Any]


class Reports:
    """Reads what payments knows; every row is a mapping of column names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payment(self, payment_id: UUID) -> Row | None:
        """A payment, with what is left of it as `left_over`; None when there is none."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_PAYMENTS, payment_id)
            return row

    async def served_by(self, payment_id: UUID) -> Sequence[Row]:
        """The requests that a payment serves or has served, oldest first; at most 1,000."""
        async with self._database.connection() as connection:
            return await connection.fetch(_SERVED, payment_id)

    async def request(self, booking_id: UUID) -> Row | None:
        """What a booking asked of payments; None when it never did."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_REQUEST, booking_id)
            return row

    async def flat(
        self, after: UUID | None, posted_from: date | None, posted_to: date | None, limit: int
    ) -> Sequence[Row]:
        """Payments in the older flat form, in the order of their ids, from the one behind `after`."""
        async with self._database.connection() as connection:
            return await connection.fetch(_FLAT, after, posted_from, posted_to, limit)

    async def waiting(self, limit: int) -> Sequence[Row]:
        """Requests that wait for money, the one that is looked for next first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_WAITING, limit)
