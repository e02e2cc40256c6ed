"""Payments' queries: what a batch needs in two of them, what became of it in one statement for each table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.payments import rows
from services.payments.cases.commands import ChooseTransfer
from services.payments.folio.commands import AddCharge, HandOutRefund, RecordPayment, RefundPayment, ReverseCharge
from services.payments.requests.request import Status
from services.payments.requests.terms import Terms
from services.payments.transfers.claim import (
    Claim,
    authorization_key,
    claim_of,
    question_of,
    reference_key,
)
from services.payments.transfers.matching import MANY
from services.payments.transfers.naming import payment_id_in
from services.payments.transfers.payment import ANY_PROPERTY, DESK, payment_id_of, reversal_id_of
from services.payments.transfers.queries import PAYMENTS, slips_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import (
    FromSource,
    RepriceBooking,
    ReservePayment,
    TransferArrived,
    TransferReversed,
    VerifyPayment,
)
from shared.database.bulk import Table
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.messages.message import Message

# xmin is PostgreSQL's own version of a row: whoever changes it leaves another one.
_REQUESTS = "SELECT *, xmin::text AS version FROM payment_requests WHERE booking_id = ANY($1) ORDER BY booking_id"

# The same, and those that wait for money like that which has just arrived: who names it, and the eldest others.
_REQUESTS_AND_WAITING = """
WITH arrived AS (
    SELECT * FROM jsonb_to_recordset($2)
        AS arrived (property_id text, currency text, amount numeric, posted_on date, reference_key text)
)
SELECT *, xmin::text AS version FROM payment_requests WHERE booking_id IN (
    SELECT unnest($1::uuid[])
    UNION
    SELECT waiting.booking_id FROM arrived CROSS JOIN LATERAL (
        SELECT booking_id FROM payment_requests
        WHERE waits AND reference_key = arrived.reference_key AND slip_amount = arrived.amount
        ORDER BY started_at LIMIT $5) AS waiting
    UNION
    SELECT waiting.booking_id FROM arrived CROSS JOIN LATERAL (
        SELECT booking_id FROM payment_requests
        WHERE waits AND slip_amount = arrived.amount AND method = 'bank_transfer' AND currency = arrived.currency
          AND slip_date BETWEEN arrived.posted_on - $4::int AND arrived.posted_on + $4::int
          AND arrived.property_id IN ('', property_id)
        ORDER BY started_at LIMIT $5) AS waiting
    UNION
    SELECT booking_id FROM payment_requests WHERE waits AND method = 'card_link' AND authorization_key = ANY($3)
) ORDER BY booking_id"""

_PAYMENTS_BY_ID = "SELECT *, xmin::text AS version FROM payments WHERE id = ANY($1) ORDER BY id"
_LOCKED = " FOR UPDATE"
# What used payments serve, to tell one slip from another; read behind the payments' locks, without which none is used.
_SERVED = """
SELECT served.* FROM unnest($1::uuid[]) AS paid (id) CROSS JOIN LATERAL (
    SELECT * FROM payment_requests
    WHERE payment_id = paid.id AND status IN ('reserved', 'captured') LIMIT $2) AS served"""

_NAMINGS = """
SELECT named_payments.* FROM named_payments
JOIN unnest($1::uuid[], $2::text[]) AS given (payment_id, caller) USING (payment_id, caller)"""
_CHARGES = "SELECT * FROM charges WHERE id = ANY($1)"
_CHARGE_REVERSALS = "SELECT * FROM charge_reversals WHERE id = ANY($1)"
_HANDOUTS = "SELECT * FROM handouts WHERE id = ANY($1)"
_REFUNDS = "SELECT * FROM ledger WHERE kind = 'refunded' AND cause = ANY($1)"
_REVERSALS = "SELECT cause FROM ledger WHERE kind = 'reversed' AND cause = ANY($1)"
_PRICES = "SELECT * FROM prices WHERE booking_id = ANY($1)"
_OF_EACH = """payment_id, booking_id,
       sum(CASE kind WHEN 'captured' THEN amount WHEN 'refunded' THEN -amount ELSE 0 END) AS kept"""
_FOR_EACH = "GROUP BY payment_id, booking_id ORDER BY payment_id"
_KEPT_OF_BOOKINGS = f"SELECT {_OF_EACH} FROM ledger WHERE booking_id = ANY($1) {_FOR_EACH}"  # noqa: S608
_KEPT_OF_PAYMENTS = f"SELECT {_OF_EACH} FROM ledger WHERE payment_id = ANY($1) AND booking_id IS NOT NULL {_FOR_EACH}"  # noqa: S608
# Beside its rooms; the fees that booking asked for are booking's own.
_CHARGED = """
SELECT booking_id, sum(amount) - (SELECT coalesce(sum(fee), 0) FROM prices WHERE prices.booking_id = charges.booking_id)
  AS charged
FROM charges
WHERE booking_id = ANY($1) AND NOT EXISTS (SELECT FROM charge_reversals AS gone WHERE gone.id = charges.id)
GROUP BY booking_id"""

_BY_STAFF = (AddCharge, ReverseCharge, RecordPayment, RefundPayment)
_OF_PAYMENT = (ChooseTransfer, RefundPayment, HandOutRefund)


class Repository:
    """Loads what a batch touches, locked against other writers, and writes what became of it."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Every request that the messages name or serve, and every payment that could serve one of them."""
        return await self._unit_of_work(connection, messages, _booking_ids(messages), _LOCKED)

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same without locks; a booking that asks for money counts as one that never did."""
        if any(isinstance(message, RepriceBooking) for message in messages):
            raise Conflict("what a booking has paid is only summed up under its lock")
        asking = {message.booking_id for message in messages if isinstance(message, ReservePayment)}
        uow = await self._unit_of_work(connection, messages, _booking_ids(messages) - asking, "")
        uow.assumed_new = asking
        return uow

    async def case(self, connection: Connection, booking_id: UUID) -> UnitOfWork:
        """A booking's request with every payment that it may mean, to be shown."""
        return await self._unit_of_work(connection, [], {booking_id}, "")

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """What is new and what has changed.

        Raises:
            Conflict: when a booking that was taken for new got no money: a "no" is only given under locks.
        """
        if any(uow.requests[booking_id].status is not Status.RESERVED for booking_id in uow.assumed_new):
            raise Conflict("a booking taken for new has to wait or is refused")
        statements = _money_moved(uow)
        if asked := uow.new_requests():
            statements.append(rows.REQUESTS.insert(sorted(asked, key=attrgetter("booking_id"))))
        if moved := uow.changed_requests():
            statements.append(rows.REQUESTS.update(moved, uow.versions))
        grown: tuple[tuple[Table[Any], Sequence[Any]], ...] = (
            (rows.NAMINGS, list(uow.new_namings.values())),
            (rows.RULINGS, uow.decisions),
            (rows.PRICES, uow.new_prices),
            (rows.CHARGES, uow.new_charges),
            (rows.CHARGE_REVERSALS, uow.new_charge_reversals),
            (rows.HANDOUTS, uow.new_handouts),
            (rows.INTAKE, uow.came_in(now)),
        )
        statements += [table.insert(new) for table, new in grown if new]
        return statements

    async def _unit_of_work(
        self, connection: Connection, messages: Sequence[Message], ids: Collection[UUID], lock: str
    ) -> UnitOfWork:
        arrivals = [message for message in messages if isinstance(message, TransferArrived)]
        asking = await self._requests(connection, ids, arrivals, lock)
        requests = [rows.request(row) for row in asking]
        known = {request.booking_id for request in requests}
        asked = [claim_of(message) for message in messages if isinstance(message, ReservePayment)]
        claims = [claim for claim in asked if claim.booking_id not in known]
        property_id = self._terms.default_property
        claims += [question_of(message, property_id) for message in messages if isinstance(message, VerifyPayment)]
        claims += [request.wanted for request in requests if request.is_open]
        named = _named([one for one in messages if isinstance(one, ReservePayment) and one.booking_id not in known])
        wanted = {payment_id for payment_id, _ in named}
        wanted |= {request.payment_id for request in requests if request.payment_id}
        told = [message for message in messages if isinstance(message, FromSource)]
        wanted |= {payment_id_of(line.source, line.transfer_id) for line in told}
        wanted |= {message.payment_id for message in messages if isinstance(message, _OF_PAYMENT)}
        wanted |= {payment_id_of(DESK, str(one.payment_id)) for one in messages if isinstance(one, RecordPayment)}
        # Behind the requests' locks: who takes money for a booking locks its request first.
        repriced = [message.booking_id for message in messages if isinstance(message, RepriceBooking)]
        paid = await connection.fetch(_KEPT_OF_BOOKINGS, repriced) if repriced else []
        wanted |= {row["payment_id"] for row in paid}
        found = await self._payments(connection, wanted, claims, lock)
        uow = UnitOfWork(self._terms, requests, (rows.PAYMENTS.read(row) for row in found))
        uow.told = told
        uow.versions = {row["booking_id"]: row["version"] for row in asking}
        uow.versions |= {row["id"]: row["version"] for row in found}
        await self._served(connection, claims, uow, {payment_id for payment_id, _ in named})
        if named:
            found = await connection.fetch(_NAMINGS, *zip(*named, strict=True))
            uow.namings = {(row["payment_id"], row["caller"]): rows.NAMINGS.read(row) for row in found}
        await self._folios(connection, messages, uow)
        by_staff = [one.booking_id for one in messages if isinstance(one, _BY_STAFF) and one.booking_id]
        if billed := [*by_staff, *repriced]:
            uow.paid |= _kept(await connection.fetch(_KEPT_OF_BOOKINGS, billed))
            uow.charged = {row["booking_id"]: row["charged"] for row in await connection.fetch(_CHARGED, billed)}
        reversed_ = [one.booking_id for one in messages if isinstance(one, ReverseCharge)]
        if priced := [*repriced, *reversed_]:
            prices = [rows.PRICES.read(row) for row in await connection.fetch(_PRICES, priced)]
            uow.prices = {(price.booking_id, price.change): price for price in prices}
        return uow

    async def _served(
        self, connection: Connection, claims: Iterable[Claim], uow: UnitOfWork, named: Collection[UUID]
    ) -> None:
        """What the payments serve that are named, or speak against a claim; usually there is none."""
        shown = [claim for claim in claims if not claim.missing]
        if used := {payment_id for claim in shown for payment_id in uow.speaking_against(claim)} | set(named):
            for row in await connection.fetch(_SERVED, sorted(used), MANY):
                uow.served[row["payment_id"]].append(rows.request(row).wanted)

    async def _folios(self, connection: Connection, messages: Sequence[Message], uow: UnitOfWork) -> None:
        """What was charged or refunded under the same ids; read behind the locks, so that nothing changes any more."""
        if charges := [message.charge_id for message in messages if isinstance(message, AddCharge | ReverseCharge)]:
            uow.charges = {row["id"]: rows.CHARGES.read(row) for row in await connection.fetch(_CHARGES, charges)}
            found = await connection.fetch(_CHARGE_REVERSALS, charges)
            uow.charge_reversals = {row["id"]: rows.CHARGE_REVERSALS.read(row) for row in found}
        if gone := [reversal_id_of(message) for message in messages if isinstance(message, TransferReversed)]:
            uow.reversals = {row["cause"] for row in await connection.fetch(_REVERSALS, gone)}
        if refunds := [message for message in messages if isinstance(message, RefundPayment | HandOutRefund)]:
            ids = [one.refund_id for one in refunds]
            uow.refunds = {row["cause"]: rows.LEDGER.read(row) for row in await connection.fetch(_REFUNDS, ids)}
            uow.handouts = {row["id"]: rows.HANDOUTS.read(row) for row in await connection.fetch(_HANDOUTS, ids)}
            uow.paid = _kept(await connection.fetch(_KEPT_OF_PAYMENTS, [one.payment_id for one in refunds]))

    async def _requests(
        self, connection: Connection, ids: Collection[UUID], arrivals: Sequence[TransferArrived], lock: str
    ) -> list[Any]:
        if not arrivals:
            return await connection.fetch(_REQUESTS + lock, ids) if ids else []
        keys = [key for one in arrivals if (key := authorization_key(one.authorization_number))]
        money = [_money(one) for one in arrivals]
        return await connection.fetch(_REQUESTS_AND_WAITING + lock, ids, money, keys, self._terms.tolerance_days, MANY)

    async def _payments(
        self, connection: Connection, ids: Collection[UUID], claims: Iterable[Claim], lock: str
    ) -> list[Any]:
        shown = [claim for claim in claims if not claim.missing]
        if not shown:
            return await connection.fetch(_PAYMENTS_BY_ID + lock, ids) if ids else []
        slips = slips_of(claim for claim in shown if not claim.is_card)
        cards = [authorization_key(claim.authorization_number) for claim in shown if claim.is_card]
        return await connection.fetch(PAYMENTS + lock, ids, slips, cards, self._terms.tolerance_days, MANY)


def _money(arrival: TransferArrived) -> dict[str, Any]:
    """What has arrived, by which `_REQUESTS_AND_WAITING` finds those that wait for it."""
    return {
        "property_id": arrival.property_id or ANY_PROPERTY,
        "currency": arrival.currency,
        "amount": arrival.amount,
        "posted_on": arrival.posted_on,
        "reference_key": reference_key(arrival.reference),
    }


def _money_moved(uow: UnitOfWork) -> list[Statement]:
    """Balances with the entries that make them."""
    new, changed = uow.new_payments(), uow.changed_payments()
    entries = [entry for payment in (*new, *(after for _, after in changed)) for entry in payment.entries]
    statements = []
    if new:
        statements.append(rows.PAYMENTS.insert(sorted(new, key=attrgetter("id"))))
    if changed:
        statements.append(rows.PAYMENTS.update([rows.difference(*pair) for pair in changed], uow.versions))
    if entries:  # in the same statement as the balances; nothing happens to a payment twice
        statements.append(rows.LEDGER.insert(entries))
    return statements


def _kept(found: Iterable[Mapping[str, Any]]) -> dict[tuple[UUID, UUID | None], Decimal]:
    """What bookings have paid and kept, by payment; read behind the payments' locks, which refunds take as well."""
    return {(row["payment_id"], row["booking_id"]): row["kept"] for row in found}


def _named(messages: Iterable[ReservePayment]) -> list[tuple[UUID, str]]:
    """The payments that requests give by their ids, and to whom they must have been named."""
    given = ((payment_id_in(one.evidence.payment_id), one.evidence.named_to) for one in messages)
    return [(payment_id, caller) for payment_id, caller in given if payment_id and caller]


def _booking_ids(messages: Iterable[Message]) -> set[UUID]:
    return {booking_id for message in messages if (booking_id := getattr(message, "booking_id", None))}
