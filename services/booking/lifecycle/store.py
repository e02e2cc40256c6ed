"""Loads the confirmed bookings that a batch touches, with their sagas and commands, and writes what became of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.booking.lifecycle.batch import Answer, Entry, LifecycleBatch, State
from services.booking.record.booking import Booking, Stay
from services.booking.record.cancellation_fee import NOTHING, Terms
from services.booking.record.states import Status, StayStatus
from shared.contracts.booking.staff import StaffCommand
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.messages.message import Message
from shared.saga.store import Sagas

# xmin is PostgreSQL's own version of a row: whoever changes it leaves another one.
_SEEN = """
SELECT *, xmin::text AS version FROM bookings WHERE id = ANY($1) AND confirmation_number IS NOT NULL ORDER BY id"""
_BOOKINGS = f"{_SEEN} FOR UPDATE"
_STAYS = "SELECT * FROM stays WHERE booking_id = ANY($1) ORDER BY booking_id, line"
_COMMANDS = "SELECT * FROM commands WHERE id = ANY($1)"
_CHANGE_BOOKINGS = """
UPDATE bookings SET status = c.status, check_in = c.check_in, check_out = c.check_out, total = c.total, paid = c.paid,
  fee = c.fee, refund = c.refund, revision = c.revision, orders = c.orders, saga_id = c.saga_id,
  saga_name = c.saga_name, charges = c.charges, folio_at = c.folio_at, updated_at = $16
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::date[], $6::numeric[], $7::numeric[], $8::numeric[],
            $9::numeric[], $10::int[], $11::int[], $12::uuid[], $13::text[], $14::numeric[], $15::timestamptz[])
  AS c (id, version, status, check_in, check_out, total, paid, fee, refund, revision, orders, saga_id, saga_name,
        charges, folio_at)
WHERE bookings.id = c.id AND bookings.xmin::text = c.version"""
_CHANGE_STAYS = """
UPDATE stays SET status = c.status, room = c.room, room_type = c.room_type, type_label = c.type_label,
  amount = c.amount, first_night = c.first_night, checked_in_at = c.checked_in_at, checked_in_by = c.checked_in_by,
  checked_out_at = c.checked_out_at, checked_out_by = c.checked_out_by
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[],
            $8::timestamptz[], $9::text[], $10::timestamptz[], $11::text[])
  AS c (code, status, room, room_type, type_label, amount, first_night, checked_in_at, checked_in_by, checked_out_at,
        checked_out_by)
WHERE stays.code = c.code"""
_ADD_ENTRIES = """
INSERT INTO audit_log (booking_id, at, who, action, changes, reason)
SELECT booking_id, at, who, action, changes, reason
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::jsonb[], $6::text[]) WITH ORDINALITY
  AS e (booking_id, at, who, action, changes, reason, place) ORDER BY place"""
_ADD_COMMANDS = """
INSERT INTO commands (id, booking_id, type, digest, state, refusal, at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[], $7::timestamptz[])"""
_CHANGE_COMMANDS = """
UPDATE commands SET state = c.state, refusal = c.refusal
FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) AS c (id, state, refusal) WHERE commands.id = c.id"""
_BOOKING_OF_SAGA = "SELECT id, (data ->> 'booking_id')::uuid AS booking_id FROM sagas WHERE id = ANY($1)"

_STAY = ("code", "status", "room", "room_type", "type_label", "amount", "first_night")
_PRESENCE = ("checked_in_at", "checked_in_by", "checked_out_at", "checked_out_by")


async def load(
    connection: Connection, batch: LifecycleBatch, sagas: Sagas, ids: Collection[UUID], messages: Iterable[Message]
) -> None:
    """Read and lock confirmed bookings in the order of their ids, with their sagas, and commands that were answered."""
    rows = await connection.fetch(_BOOKINGS, ids)
    stays: dict[UUID, list[Stay]] = {}
    for stay in await connection.fetch(_STAYS, [row["id"] for row in rows]):
        stays.setdefault(stay["booking_id"], []).append(_stay(stay))
    batch.bookings = {row["id"]: _booking(row, stays.get(row["id"], [])) for row in rows}
    batch.versions = {row["id"]: row["version"] for row in rows}
    commands = {message.command_id for message in messages if isinstance(message, StaffCommand)}
    if under_way := {row["saga_id"] for row in rows if row["saga_id"]}:
        await sagas.load(connection, under_way)
        commands |= {sagas.by_id[saga_id].data.command_id for saga_id in under_way}
    batch.answers = {row["id"]: _answer(row) for row in await connection.fetch(_COMMANDS, commands)}
    batch.answers_before = frozenset(batch.answers)


async def read(connection: Connection, booking_id: UUID) -> Booking | None:
    """A confirmed booking as it is, without locks."""
    row = await connection.fetchrow(_SEEN, [booking_id])
    stays = await connection.fetch(_STAYS, [booking_id])
    return _booking(row, [_stay(stay) for stay in stays]) if row else None


def changes(batch: LifecycleBatch, now: datetime) -> list[Statement]:
    """Writes what changed, one statement a table."""
    statements: list[Statement] = []
    if changed := [batch.bookings[key] for key in sorted(batch.changed)]:
        versions = [batch.versions[booking.id] for booking in changed]
        rows = [_booking_row(booking, version) for booking, version in zip(changed, versions, strict=True)]
        statements.append(Statement(_CHANGE_BOOKINGS, (*_columns(rows), now), rows=len(rows)))
        stays = [_stay_row(stay) for booking in changed for stay in booking.stays]
        statements.append(Statement(_CHANGE_STAYS, tuple(_columns(stays))))
    if batch.entries:
        statements.append(Statement(_ADD_ENTRIES, tuple(_columns([_entry_row(one) for one in batch.entries]))))
    answered = [batch.answers[key] for key in sorted(batch.answered)]
    new = [one for one in answered if one.command_id not in batch.answers_before]
    old = [one for one in answered if one.command_id in batch.answers_before]
    if new:
        statements.append(Statement(_ADD_COMMANDS, tuple(_columns([_answer_row(one) for one in new]))))
    if old:
        concluded = [(one.command_id, one.state.value, _packed(one.refusal)) for one in old]
        statements.append(Statement(_CHANGE_COMMANDS, tuple(_columns(concluded))))
    return statements


async def bookings_of(connection: Connection, saga_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The booking that each of the sagas is about."""
    return {row["id"]: row["booking_id"] for row in await connection.fetch(_BOOKING_OF_SAGA, saga_ids)}


def terms_in(text: str | None) -> Terms | None:
    """The policy in a column."""
    if text is None:
        return None
    given = json.loads(text)
    facts = {name: given.get(name) for name in ("name", "free_hours", "first_night")}
    return Terms(**facts, percentage=Decimal(str(given.get("percentage") or 0)))


def terms_out(terms: Terms | None) -> str | None:
    """A policy as a column."""
    return json.dumps(asdict(terms), default=str) if terms else None


def _booking(row: Any, stays: Sequence[Stay]) -> Booking:
    return Booking(
        id=row["id"],
        property_id=row["property_id"],
        status=Status(row["status"]),
        check_in=row["check_in"],
        check_out=row["check_out"],
        package=row["package"],
        total=row["total"],
        currency=row["currency"],
        paid=row["paid"] or NOTHING,
        stays=tuple(stays),
        terms=terms_in(row["terms"]),
        revision=row["revision"],
        orders=row["orders"],
        saga=row["saga_id"],
        saga_name=row["saga_name"],
        fee=row["fee"],
        refund=row["refund"],
        charges=row["charges"],
        folio_at=row["folio_at"],
    )


def _stay(row: Any) -> Stay:
    people = ("line", "adults", "children_0_to_5", "children_6_to_10", "extra_beds")
    facts = {name: row[name] for name in (*_STAY, *people, *_PRESENCE)}
    return Stay(**facts | {"status": StayStatus(row["status"])})


def _booking_row(booking: Booking, version: str) -> tuple[Any, ...]:
    return (
        booking.id,
        version,
        booking.status.value,
        booking.check_in,
        booking.check_out,
        booking.total,
        booking.paid,
        booking.fee,
        booking.refund,
        booking.revision,
        booking.orders,
        booking.saga,
        booking.saga_name,
        booking.charges,
        booking.folio_at,
    )


def _stay_row(stay: Stay) -> tuple[Any, ...]:
    return tuple(getattr(stay, name) for name in (*_STAY, *_PRESENCE))


def _entry_row(entry: Entry) -> tuple[Any, ...]:
    return entry.booking_id, entry.at, entry.who, entry.action.value, json.dumps(entry.changes), entry.reason


def _answer(row: Any) -> Answer:
    refusal = json.loads(row["refusal"]) if row["refusal"] else None
    facts = (row["id"], row["booking_id"], row["type"], row["digest"], State(row["state"]), row["at"])
    return Answer(*facts, refusal=refusal)


def _answer_row(answer: Answer) -> tuple[Any, ...]:
    facts = (answer.command_id, answer.booking_id, answer.type, answer.digest, answer.state.value)
    return (*facts, _packed(answer.refusal), answer.at)


def _packed(refusal: Any) -> str | None:
    return json.dumps(refusal, default=str) if refusal else None


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
