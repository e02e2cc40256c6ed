"""Payments' queries: what a batch needs in two of them, what became of it in one statement for each table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.payments import rows as records
from services.payments.cases.commands import ChooseTransfer
from services.payments.folio.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.requests.request import Status
from services.payments.requests.terms import Terms
from services.payments.transfers.claim import Claim, authorization_key, claim_of, question_of
from services.payments.transfers.matching import MANY
from services.payments.transfers.payment import DESK, payment_id_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import RepriceBooking, ReservePayment, TransferArrived, VerifyPayment
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.messages.message import Message

# xmin is PostgreSQL's own version of a row: whoever changes it leaves another one.
_REQUESTS = "SELECT *, xmin::text AS version FROM payment_requests WHERE booking_id = ANY($1) ORDER BY booking_id"

# The same, and those that wait for money like that which has just arrived: who names it, and the eldest others.
_REQUESTS_AND_WAITING = """
WITH arrived AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::numeric[], $5::date[], $6::text[])
        AS arrived (property_id, currency, amount, posted_on, reference_key)
)
SELECT *, xmin::text AS version FROM payment_requests WHERE booking_id IN (
    SELECT unnest($1::uuid[])
    UNION
    SELECT waiting.booking_id FROM arrived CROSS JOIN LATERAL (
        SELECT booking_id FROM payment_requests
        WHERE waits AND reference_key = arrived.reference_key AND slip_amount = arrived.amount
        ORDER BY started_at LIMIT $9) AS waiting
    UNION
    SELECT waiting.booking_id FROM arrived CROSS JOIN LATERAL (
        SELECT booking_id FROM payment_requests
        WHERE waits AND slip_amount = arrived.amount AND method = 'bank_transfer' AND currency = arrived.currency
          AND slip_date BETWEEN arrived.posted_on - $8::int AND arrived.posted_on + $8::int
          AND arrived.property_id IN ('', property_id)
        ORDER BY started_at LIMIT $9) AS waiting
    UNION
    SELECT booking_id FROM payment_requests WHERE waits AND method = 'card_link' AND authorization_key = ANY($7)
) ORDER BY booking_id"""

# What claims may mean: by reference where one fits, else by amount and date, with and without money left, with and
# without a reference; cards by their number. All locks are taken in one sorted order, so that two instances that meet
# wait for each other and never deadlock.
PAYMENTS = """
WITH slips AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::numeric[], $5::date[], $6::text[]) WITH ORDINALITY
        AS slip (property_id, currency, amount, dated, reference_key, place)
), by_reference AS (
    SELECT slips.place, near.id FROM slips CROSS JOIN LATERAL (
        SELECT id FROM payments
        WHERE reference_key = slips.reference_key AND amount = slips.amount
          AND posted_on BETWEEN slips.dated - $8::int AND slips.dated + $8::int
          AND method = 'bank_transfer' AND currency = slips.currency AND property_id IN ('', slips.property_id)
        ORDER BY has_money DESC LIMIT $9) AS near
)
SELECT *, xmin::text AS version FROM payments WHERE id = ANY (ARRAY(
    SELECT unnest($1::uuid[])
    UNION ALL
    SELECT id FROM by_reference
    UNION ALL
    SELECT near.id FROM slips
    CROSS JOIN (VALUES (true, true), (true, false), (false, true), (false, false)) AS kind (has_money, named)
    CROSS JOIN LATERAL (
        SELECT id FROM payments
        WHERE property_id IN ('', slips.property_id) AND amount = slips.amount AND has_money = kind.has_money
          AND posted_on BETWEEN slips.dated - $8::int AND slips.dated + $8::int
          AND method = 'bank_transfer' AND currency = slips.currency AND (reference_key IS NOT NULL) = kind.named
        LIMIT $9) AS near
    WHERE slips.place NOT IN (SELECT place FROM by_reference)
    UNION ALL
    SELECT near.id FROM unnest($7::text[]) AS card (authorization_key) CROSS JOIN LATERAL (
        SELECT id FROM payments WHERE authorization_key = card.authorization_key
        ORDER BY has_money DESC LIMIT $9) AS near
)) ORDER BY id"""
_PAYMENTS_BY_ID = "SELECT *, xmin::text AS version FROM payments WHERE id = ANY($1) ORDER BY id"
_LOCKED = " FOR UPDATE"

_ADD_PAYMENTS = """
INSERT INTO payments (id, source, transfer_id, property_id, method, amount, currency, posted_on, payer, reference,
                      authorization_number, arrived_at, reference_key, authorization_key, reserved, captured, refunded,
                      codes, reserved_at, captured_at)
SELECT id, source, transfer_id, property_id, method, amount, currency, posted_on, payer, reference,
       authorization_number, arrived_at, reference_key, authorization_key, reserved, captured, refunded,
       ARRAY(SELECT jsonb_array_elements_text(codes)), reserved_at, captured_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::text[], $8::date[],
            $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::numeric[],
            $16::numeric[], $17::numeric[], $18::jsonb[], $19::timestamptz[], $20::timestamptz[])
    AS new (id, source, transfer_id, property_id, method, amount, currency, posted_on, payer, reference,
            authorization_number, arrived_at, reference_key, authorization_key, reserved, captured, refunded, codes,
            reserved_at, captured_at)
ORDER BY id"""

# Differences, not sums: should a lock ever be missing, the constraint still sees both writers.
_CHANGE_PAYMENTS = """
UPDATE payments SET
    reserved = payments.reserved + change.reserved,
    captured = payments.captured + change.captured,
    refunded = payments.refunded + change.refunded,
    codes = payments.codes || ARRAY(SELECT jsonb_array_elements_text(change.codes)),
    reserved_at = change.reserved_at,
    captured_at = change.captured_at
FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::numeric[], $5::jsonb[], $6::timestamptz[],
            $7::timestamptz[], $8::text[])
    AS change (id, reserved, captured, refunded, codes, reserved_at, captured_at, version)
WHERE payments.id = change.id AND payments.xmin::text = change.version"""

# In the same statement as the balances. Its key holds as well: nothing happens to a payment twice.
_ADD_ENTRIES = """
INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id, codes, staff, reason)
SELECT payment_id, kind, cause, amount, at, booking_id, ARRAY(SELECT jsonb_array_elements_text(codes)), staff, reason
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::numeric[], $5::timestamptz[], $6::uuid[], $7::jsonb[], $8::text[],
            $9::text[]) WITH ORDINALITY
    AS new (payment_id, kind, cause, amount, at, booking_id, codes, staff, reason, place)
ORDER BY place"""

_ADD_RULINGS = """
INSERT INTO rulings (booking_id, action, at, staff, reason, payment_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[])"""

_ADD_CHARGES = """
INSERT INTO charges (id, booking_id, kind, amount, currency, reason, staff, at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[])"""
_CHARGES = "SELECT * FROM charges WHERE id = ANY($1)"
_REFUNDS = "SELECT * FROM ledger WHERE kind = 'refunded' AND cause = ANY($1)"
_ADD_PRICES = """
INSERT INTO prices (booking_id, change, total, fee, paid, refund, who, reason, at)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::text[],
                     $8::text[], $9::timestamptz[])"""
_PRICES = "SELECT * FROM prices WHERE booking_id = ANY($1)"
_KEPT_OF_BOOKINGS = """
SELECT payment_id, booking_id,
       sum(CASE kind WHEN 'captured' THEN amount WHEN 'refunded' THEN -amount ELSE 0 END) AS kept
FROM ledger WHERE booking_id = ANY($1) GROUP BY payment_id, booking_id ORDER BY payment_id"""
# Beside its rooms; the fees that booking asked for are booking's own.
_CHARGED = """
SELECT booking_id, sum(amount) - (SELECT coalesce(sum(fee), 0) FROM prices WHERE prices.booking_id = charges.booking_id)
  AS charged
FROM charges WHERE booking_id = ANY($1) GROUP BY booking_id"""
_KEPT = """
SELECT payment_id, booking_id,
       sum(CASE kind WHEN 'captured' THEN amount WHEN 'refunded' THEN -amount ELSE 0 END) AS kept
FROM ledger WHERE payment_id = ANY($1) AND booking_id IS NOT NULL GROUP BY payment_id, booking_id"""

_ADD_REQUESTS = """
INSERT INTO payment_requests (booking_id, status, changed_at, stage, attempt, next_attempt_at, payment_id, found_later,
                              codes, refusal, started_at, property_id, amount, currency, method, slip_date, slip_amount,
                              authorization_number, payer, reference, authorization_key, reference_key)
SELECT booking_id, status, changed_at, stage, attempt, next_attempt_at, payment_id, found_later,
       ARRAY(SELECT jsonb_array_elements_text(codes)), refusal, started_at, property_id, amount, currency, method,
       slip_date, slip_amount, authorization_number, payer, reference, authorization_key, reference_key
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::timestamptz[], $7::uuid[],
            $8::boolean[], $9::jsonb[], $10::jsonb[], $11::timestamptz[], $12::text[], $13::numeric[], $14::text[],
            $15::text[], $16::date[], $17::numeric[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])
    AS new (booking_id, status, changed_at, stage, attempt, next_attempt_at, payment_id, found_later, codes, refusal,
            started_at, property_id, amount, currency, method, slip_date, slip_amount, authorization_number, payer,
            reference, authorization_key, reference_key)
ORDER BY booking_id"""

_CHANGE_REQUESTS = """
UPDATE payment_requests SET
    status = change.status, changed_at = change.changed_at, stage = change.stage, attempt = change.attempt,
    next_attempt_at = change.next_attempt_at, payment_id = change.payment_id, found_later = change.found_later,
    codes = ARRAY(SELECT jsonb_array_elements_text(change.codes)), refusal = change.refusal, amount = change.amount
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::timestamptz[], $7::uuid[],
            $8::boolean[], $9::jsonb[], $10::jsonb[], $11::numeric[], $12::text[])
    AS change (booking_id, status, changed_at, stage, attempt, next_attempt_at, payment_id, found_later, codes, refusal,
               amount, version)
WHERE payment_requests.booking_id = change.booking_id AND payment_requests.xmin::text = change.version"""


class Repository:
    """Loads what a batch touches, locked against other writers, and writes what became of it."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Every request that the messages name or serve, and every payment that could serve one of them."""
        return await self._world(connection, messages, _booking_ids(messages), _LOCKED)

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same without locks; a booking that asks for money counts as one that never did."""
        if any(isinstance(message, RepriceBooking) for message in messages):
            raise Conflict("what a booking has paid is only summed up under its lock")
        asking = {message.booking_id for message in messages if isinstance(message, ReservePayment)}
        uow = await self._world(connection, messages, _booking_ids(messages) - asking, "")
        uow.assumed_new = asking
        return uow

    async def case(self, connection: Connection, booking_id: UUID) -> UnitOfWork:
        """A booking's request with every payment that it may mean, to be shown."""
        return await self._world(connection, [], {booking_id}, "")

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """What is new and what has changed.

        Raises:
            Conflict: when a booking that was taken for new got no money: a "no" is only given under locks.
        """
        if any(uow.requests[booking_id].status is not Status.RESERVED for booking_id in uow.assumed_new):
            raise Conflict("a booking taken for new has to wait or is refused")
        asked, moved = uow.new_requests(), uow.changed_requests()
        statements = _money_moved(uow)
        if asked:
            statements.append(Statement(_ADD_REQUESTS, tuple(records.asked_columns(asked))))
        if moved:
            versions = [uow.versions[request.booking_id] for request in moved]
            amounts = [request.claim.amount if request.claim else None for request in moved]
            columns = (*records.state_columns(moved), amounts, versions)
            statements.append(Statement(_CHANGE_REQUESTS, columns, rows=len(moved)))
        if uow.decisions:
            statements.append(Statement(_ADD_RULINGS, tuple(records.ruling_columns(uow.decisions))))
        if uow.new_prices:
            statements.append(Statement(_ADD_PRICES, tuple(records.price_columns(uow.new_prices))))
        if uow.new_charges:
            statements.append(Statement(_ADD_CHARGES, tuple(records.charge_columns(uow.new_charges))))
        return statements

    async def _world(
        self, connection: Connection, messages: Sequence[Message], ids: Collection[UUID], lock: str
    ) -> UnitOfWork:
        arrivals = [message for message in messages if isinstance(message, TransferArrived)]
        asking = await self._requests(connection, ids, arrivals, lock)
        requests = [records.request(row) for row in asking]
        known = {request.booking_id for request in requests}
        asked = [claim_of(message) for message in messages if isinstance(message, ReservePayment)]
        claims = [claim for claim in asked if claim.booking_id not in known]
        property_id = self._terms.default_property
        claims += [question_of(message, property_id) for message in messages if isinstance(message, VerifyPayment)]
        claims += [request.wanted for request in requests if request.is_open]
        wanted = {request.payment_id for request in requests if request.payment_id}
        wanted |= {payment_id_of(arrival.source, arrival.transfer_id) for arrival in arrivals}
        wanted |= {message.payment_id for message in messages if isinstance(message, ChooseTransfer | RefundPayment)}
        wanted |= {payment_id_of(DESK, str(one.payment_id)) for one in messages if isinstance(one, RecordPayment)}
        # Behind the requests' locks: who takes money for a booking locks its request first.
        repriced = [message.booking_id for message in messages if isinstance(message, RepriceBooking)]
        paid = await connection.fetch(_KEPT_OF_BOOKINGS, repriced) if repriced else []
        wanted |= {row["payment_id"] for row in paid}
        rows = await self._payments(connection, wanted, claims, lock)
        uow = UnitOfWork(self._terms, requests, (records.payment(row) for row in rows))
        uow.versions = {row["booking_id"]: row["version"] for row in asking}
        uow.versions |= {row["id"]: row["version"] for row in rows}
        await self._folios(connection, messages, uow)
        by_staff = [one for one in messages if isinstance(one, AddCharge | RecordPayment | RefundPayment)]
        if named := [one.booking_id for one in by_staff if one.booking_id]:
            uow.paid |= await self._kept(connection, named)
            uow.charged = {row["booking_id"]: row["charged"] for row in await connection.fetch(_CHARGED, named)}
        if repriced:
            uow.paid |= await self._kept(connection, repriced)
            prices = [records.price(row) for row in await connection.fetch(_PRICES, repriced)]
            uow.prices = {(price.booking_id, price.change): price for price in prices}
        return uow

    async def _kept(self, connection: Connection, bookings: Sequence[UUID]) -> dict[tuple[UUID, UUID | None], Decimal]:
        """What bookings have paid and kept, by payment; read behind the payments' locks, which refunds take as well."""
        rows = await connection.fetch(_KEPT_OF_BOOKINGS, bookings)
        return {(row["payment_id"], row["booking_id"]): row["kept"] for row in rows}

    async def _folios(self, connection: Connection, messages: Sequence[Message], uow: UnitOfWork) -> None:
        """What was charged or refunded under the same ids; read behind the locks, so that nothing changes any more."""
        if charges := [message.charge_id for message in messages if isinstance(message, AddCharge)]:
            uow.charges = {row["id"]: records.charge(row) for row in await connection.fetch(_CHARGES, charges)}
        if refunds := [message for message in messages if isinstance(message, RefundPayment)]:
            done = await connection.fetch(_REFUNDS, [one.refund_id for one in refunds])
            uow.refunds = {row["cause"]: records.refund(row) for row in done}
            kept = await connection.fetch(_KEPT, [one.payment_id for one in refunds])
            uow.paid = {(row["payment_id"], row["booking_id"]): row["kept"] for row in kept}

    async def _requests(
        self, connection: Connection, ids: Collection[UUID], arrivals: Sequence[TransferArrived], lock: str
    ) -> list[Any]:
        if not arrivals:
            return await connection.fetch(_REQUESTS + lock, ids) if ids else []
        keys = [key for one in arrivals if (key := authorization_key(one.authorization_number))]
        money = records.money_columns(arrivals)
        return await connection.fetch(_REQUESTS_AND_WAITING + lock, ids, *money, keys, self._terms.tolerance_days, MANY)

    async def _payments(
        self, connection: Connection, ids: Collection[UUID], claims: Iterable[Claim], lock: str
    ) -> list[Any]:
        shown = [claim for claim in claims if not claim.missing]
        if not shown:
            return await connection.fetch(_PAYMENTS_BY_ID + lock, ids) if ids else []
        slips = records.slip_columns(claim for claim in shown if not claim.is_card)
        cards = [authorization_key(claim.authorization_number) for claim in shown if claim.is_card]
        return await connection.fetch(PAYMENTS + lock, ids, *slips, cards, self._terms.tolerance_days, MANY)


def _money_moved(uow: UnitOfWork) -> list[Statement]:
    """Balances with the entries that make them."""
    new, changed = uow.new_payments(), uow.changed_payments()
    entries = [entry for payment in (*new, *(after for _, after in changed)) for entry in payment.entries]
    statements = []
    if new:
        statements.append(Statement(_ADD_PAYMENTS, tuple(records.arrived_columns(new))))
    if changed:
        versions = [uow.versions[before.id] for before, _ in changed]
        columns = (*records.changed_columns(changed), versions)
        statements.append(Statement(_CHANGE_PAYMENTS, columns, rows=len(changed)))
    if entries:
        statements.append(Statement(_ADD_ENTRIES, tuple(records.entry_columns(entries))))
    return statements


def _booking_ids(messages: Iterable[Message]) -> set[UUID]:
    return {booking_id for message in messages if (booking_id := getattr(message, "booking_id", None))}
