"""The reading queries: what the API shows, outside any batch and without locks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.payments.transfers.ledger import Balance, Sums, audit
from shared.database.pool import Database

_LEFT = "greatest(amount - reserved - captured - refunded - reversed, 0) AS left_over"
_PAYMENTS = f"SELECT *, {_LEFT} FROM payments WHERE id = $1"  # noqa: S608
_SERVED = """
SELECT booking_id, property_id, status, amount, codes, found_later, changed_at FROM payment_requests
WHERE payment_id = $1 ORDER BY started_at, booking_id LIMIT 1000"""
# By its feed, or by the bookings that it ever served.
_OF_OTHERS = """
SELECT id FROM payments WHERE id = ANY($1) AND property_id <> '' AND property_id <> ALL($2)
UNION
SELECT ledger.payment_id FROM ledger JOIN payment_requests AS asked USING (booking_id)
WHERE ledger.payment_id = ANY($1) AND asked.property_id <> ALL($2)"""
_REQUEST = "SELECT * FROM payment_requests WHERE booking_id = $1"
_FLAT = """
SELECT id, coalesce(authorization_number, transfer_id) AS number, amount, currency, posted_on, captured > 0 AS used,
       codes, captured_at,
       coalesce(nullif(property_id, ''), (SELECT property_id FROM payment_requests
                                          WHERE payment_id = payments.id ORDER BY started_at LIMIT 1)) AS used_in
FROM payments
WHERE ($1::uuid IS NULL OR id > $1) AND ($2::date IS NULL OR posted_on >= $2) AND ($3::date IS NULL OR posted_on <= $3)
ORDER BY id LIMIT $4"""
_ESCALATED = """
SELECT * FROM payment_requests WHERE status = 'escalated' AND ($2::text IS NULL OR property_id = $2)
ORDER BY next_attempt_at, booking_id LIMIT $1"""
_FOLIO = """
WITH kept AS (
    SELECT kind, amount FROM charges
    WHERE booking_id = $1 AND NOT EXISTS (SELECT FROM charge_reversals WHERE charge_reversals.id = charges.id))
SELECT asked.currency,
       CASE WHEN asked.status IN ('refused', 'released') THEN 0
            ELSE coalesce((SELECT total FROM prices WHERE booking_id = $1 ORDER BY change DESC LIMIT 1),
                          asked.amount, 0) END AS total,
       (SELECT coalesce(sum(amount), 0.00) FROM kept WHERE kind = 'charge') AS charges,
       (SELECT coalesce(sum(amount), 0.00) FROM kept WHERE kind = 'fee') AS fees,
       (SELECT coalesce(sum(amount), 0) FROM ledger WHERE booking_id = $1 AND kind = 'captured') AS captured,
       (SELECT coalesce(sum(amount), 0) FROM ledger WHERE booking_id = $1 AND kind = 'refunded') AS refunded
FROM payment_requests AS asked WHERE booking_id = $1"""
_CHARGES = """
SELECT c.*, r.staff AS reversed_by, r.reason AS reversed_because, r.at AS reversed_at
FROM charges AS c LEFT JOIN charge_reversals AS r USING (id) WHERE c.booking_id = $1 ORDER BY c.at, c.id LIMIT 1000"""
_REFUNDS = """
SELECT entry.cause AS refund_id, entry.payment_id, entry.booking_id, entry.amount, payment.currency, payment.method,
       coalesce(asked.property_id, nullif(payment.property_id, '')) AS property_id,
       entry.staff, entry.reason, entry.at, payment.payer,
       CASE WHEN h.id IS NULL THEN 'due' ELSE 'done' END AS state, h.way, h.note, h.staff AS handed_out_by,
       h.at AS handed_out_at
FROM ledger AS entry JOIN payments AS payment ON payment.id = entry.payment_id
LEFT JOIN payment_requests AS asked ON asked.booking_id = entry.booking_id
LEFT JOIN handouts AS h ON h.id = entry.cause
WHERE entry.kind = 'refunded' AND ($1::uuid IS NULL OR entry.cause = $1)
  AND ($2::text IS NULL OR coalesce(asked.property_id, nullif(payment.property_id, '')) = $2)
  AND ($3::text IS NULL OR ($3 = 'due') = (h.id IS NULL))
ORDER BY entry.number LIMIT $4"""
_PAID = f"""
SELECT *, {_LEFT} FROM payments
WHERE id IN (SELECT payment_id FROM ledger WHERE booking_id = $1) ORDER BY arrived_at, id LIMIT 1000"""  # noqa: S608
_FEEDS = "SELECT * FROM feeds ORDER BY source"
_BROKEN = """
SELECT * FROM broken_lines WHERE corrected_at IS NULL AND ($1::text IS NULL OR source = $1)
ORDER BY found_at, file, number LIMIT $2"""
_BROKEN_LINE = "SELECT * FROM broken_lines WHERE id = $1"
_CORRECTED = "UPDATE broken_lines SET corrected_at = $2, staff = $3 WHERE id = $1 AND corrected_at IS NULL"
_KNOWN = "SELECT transfer_id FROM payments WHERE source = $1 AND transfer_id = ANY($2)"
_RECORDED = "SELECT * FROM payments WHERE id = ANY($1)"
_RULINGS = "SELECT * FROM rulings WHERE booking_id = $1 ORDER BY number LIMIT 1000"
_WAITING = "SELECT * FROM payment_requests WHERE waits ORDER BY next_attempt_at, booking_id LIMIT $1"

_ENTRIES = "SELECT * FROM ledger WHERE payment_id = $1 ORDER BY number LIMIT 10000"
# Each payment beside what its entries add up to, from one snapshot.
AUDIT = """
SELECT payments.id, payments.source, payments.transfer_id, amount, payments.reserved, payments.captured,
       payments.refunded, payments.reversed, payments.codes, sums.*
FROM payments CROSS JOIN LATERAL (
    SELECT coalesce(sum(entry.amount) FILTER (WHERE kind = 'arrived'), 0) AS sum_arrived,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'reserved'), 0) AS sum_reserved,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'captured'), 0) AS sum_captured,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'released'), 0) AS sum_released,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'refunded'), 0) AS sum_refunded,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'refunded' AND booking_id IS NOT NULL), 0) AS sum_returned,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'reversed'), 0) AS sum_reversed,
           ARRAY(SELECT code FROM ledger AS one, unnest(one.codes) WITH ORDINALITY AS written (code, place)
                 WHERE one.payment_id = payments.id AND one.kind = 'captured' ORDER BY number, place) AS sum_codes
    FROM ledger AS entry WHERE entry.payment_id = payments.id) AS sums
ORDER BY payments.id"""
# What a request says of itself, beside what the ledger says of its booking and its payment.
AUDIT_REQUESTS = """
SELECT asked.booking_id, asked.status, asked.amount,
       coalesce(sum(entry.amount) FILTER (WHERE kind = 'reserved'), 0)
       - coalesce(sum(entry.amount) FILTER (WHERE kind IN ('captured', 'released')), 0) AS reserved,
       coalesce(sum(entry.amount) FILTER (WHERE kind = 'captured'), 0) AS captured
FROM payment_requests AS asked
JOIN ledger AS entry ON entry.payment_id = asked.payment_id AND entry.booking_id = asked.booking_id
WHERE asked.payment_id IS NOT NULL
GROUP BY asked.booking_id
HAVING (coalesce(sum(entry.amount) FILTER (WHERE kind = 'reserved'), 0)
        - coalesce(sum(entry.amount) FILTER (WHERE kind IN ('captured', 'released')), 0)
        <> CASE asked.status WHEN 'reserved' THEN asked.amount ELSE 0 END)
    OR (coalesce(sum(entry.amount) FILTER (WHERE kind = 'captured'), 0)
        <> CASE asked.status WHEN 'captured' THEN asked.amount ELSE 0 END)
ORDER BY asked.booking_id"""
_AT_ONCE = 1000
_SHOWN = 100

Row = Mapping[str, Any]


@dataclass
class Audit:
    """What came of holding balances against entries: payments seen, disagreements, and the first of those in words."""

    payments: int = 0
    disagreements: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, *wrong: str) -> None:
        """Count disagreements, and keep them if they are among the first."""
        self.disagreements += len(wrong)
        self.examples += wrong[: max(0, _SHOWN - len(self.examples))]


class Queries:
    """Reads what payments knows; every row is a mapping of column names."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._auditing = asyncio.Lock()

    async def payment(self, payment_id: UUID) -> Row | None:
        """A payment, with what is left of it as `left_over`; None when there is none."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_PAYMENTS, payment_id)
            return row

    async def entries(self, payment_id: UUID) -> Sequence[Row]:
        """What happened to a payment, oldest first; at most 10,000."""
        async with self._database.connection() as connection:
            return await connection.fetch(_ENTRIES, payment_id)

    async def audit(self) -> Audit:
        """Hold every payment and every request against the ledger, all as of one moment, a thousand in memory.

        One after the other: each has a connection for as long as it takes.
        """
        found = Audit()
        async with (
            self._auditing,
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            async for row in connection.cursor(AUDIT, prefetch=_AT_ONCE):
                found.payments += 1
                if wrong := audit(balance_in(row), sums_in(row)):
                    name = f"payment {row['id']} ({row['source']} {row['transfer_id']})"
                    found.note(*(f"{name}: {one}" for one in wrong))
            async for row in connection.cursor(AUDIT_REQUESTS, prefetch=_AT_ONCE):
                found.note(
                    f"booking {row['booking_id']} is {row['status']} over {row['amount']}, the entries leave"
                    f" {row['reserved']} reserved and {row['captured']} captured"
                )
        return found

    async def served_by(self, payment_id: UUID) -> Sequence[Row]:
        """The requests that a payment serves or has served, oldest first; at most 1,000."""
        async with self._database.connection() as connection:
            return await connection.fetch(_SERVED, payment_id)

    async def of_others(self, ids: Collection[UUID], properties: Collection[str] | None) -> Collection[UUID]:
        """Those of some payments that are, or are as well, another property's than these; of all of them none is."""
        if properties is None:
            return ()
        async with self._database.connection() as connection:
            return {row["id"] for row in await connection.fetch(_OF_OTHERS, ids, properties)}

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

    async def folio(self, booking_id: UUID) -> Row | None:
        """A booking's sums; None when payments does not know it."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_FOLIO, booking_id)
            return row

    async def charges(self, booking_id: UUID) -> Sequence[Row]:
        """What a booking costs beside its rooms, oldest first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_CHARGES, booking_id)

    async def refunds(self, property_id: str | None, state: str | None, limit: int) -> Sequence[Row]:
        """Refunds, the oldest first: of one property or of all, those to be handed out, those handed out, or both."""
        async with self._database.connection() as connection:
            return await connection.fetch(_REFUNDS, None, property_id, state, limit)

    async def refund(self, refund_id: UUID) -> Row | None:
        """One refund."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_REFUNDS, refund_id, None, None, 1)
            return row

    async def paid_with(self, booking_id: UUID) -> Sequence[Row]:
        """Every payment that serves a booking or has served it, oldest first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_PAID, booking_id)

    async def feeds(self) -> Sequence[Row]:
        """How far each feed has been read, and how it failed last."""
        async with self._database.connection() as connection:
            return await connection.fetch(_FEEDS)

    async def broken_lines(self, source: str | None, limit: int) -> Sequence[Row]:
        """Lines that are not corrected yet, oldest first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_BROKEN, source, limit)

    async def broken_line(self, line_id: UUID) -> Row | None:
        """One of them; None when there is none."""
        async with self._database.connection() as connection:
            row: Row | None = await connection.fetchrow(_BROKEN_LINE, line_id)
            return row

    async def corrected(self, line_id: UUID, at: datetime, staff: str) -> None:
        """Note that a line needs no correction any more."""
        async with self._database.connection() as connection:
            await connection.execute(_CORRECTED, line_id, at, staff)

    async def known(self, source: str, transfer_ids: Sequence[str]) -> Sequence[str]:
        """Those of a source's transfers that are recorded."""
        async with self._database.connection() as connection:
            return [row["transfer_id"] for row in await connection.fetch(_KNOWN, source, transfer_ids)]

    async def recorded(self, ids: Sequence[UUID]) -> Sequence[Row]:
        """Those of some payments that there are."""
        async with self._database.connection() as connection:
            return await connection.fetch(_RECORDED, ids)

    async def escalated(self, limit: int, property_id: str | None = None) -> Sequence[Row]:
        """Requests that wait for the staff, of one property or of all, the one whose time ends next first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_ESCALATED, limit, property_id)

    async def rulings(self, booking_id: UUID) -> Sequence[Row]:
        """What people decided about a booking's money, oldest first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_RULINGS, booking_id)

    async def waiting(self, limit: int) -> Sequence[Row]:
        """Requests that wait for money, the one that is looked for next first."""
        async with self._database.connection() as connection:
            return await connection.fetch(_WAITING, limit)


def balance_in(row: Row) -> Balance:
    """What a payment of AUDIT says of itself."""
    used = (row["reserved"], row["captured"], row["refunded"])
    return Balance(row["amount"], *used, tuple(row["codes"]), row["reversed"])


def sums_in(row: Row) -> Sums:
    """What the entries of a payment of AUDIT add up to."""
    names = ("arrived", "reserved", "captured", "released", "refunded", "returned", "reversed")
    return Sums(**{name: row[f"sum_{name}"] for name in names}, codes=tuple(row["sum_codes"]))
