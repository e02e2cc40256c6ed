"""Loads what a batch of messages touches, and writes what became of it: sagas, bookings, stays and the audit log."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.booking.lifecycle import store as lifecycle_store
from services.booking.lifecycle.store import bookings_of, terms_in, terms_out
from services.booking.record.booking import Action, Booking
from services.booking.record.states import Status, StayStatus
from services.booking.requests import codes
from services.booking.requests.property import MultiRoom, Property
from services.booking.requests.saga.data import MultiRoomData
from services.booking.sagas import LIFECYCLE_REPLIES, TABLES
from services.booking.unit_of_work import Change, UnitOfWork
from shared.contracts.booking import BookingRequested, SagaDue, booking_id_of
from shared.contracts.booking.staff import ChangeDue, StaffCommand
from shared.contracts.common import Policy
from shared.contracts.payments import FolioChanged
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.messages.message import Message
from shared.saga import store
from shared.saga.state import Verdict
from shared.saga.store import SagaCache, Sagas
from shared.saga.table import SagaTable

PROPERTIES_KEPT_SECONDS = 5.0
WAKE_AGAIN = timedelta(seconds=30)

_PROPERTIES = """
SELECT p.*, (SELECT to_jsonb(c) FROM cancellation_policies c WHERE c.active AND coalesce(c.property_id, p.id) = p.id
             ORDER BY c.property_id NULLS LAST LIMIT 1) AS terms
FROM properties p"""
_SAVE_BOOKINGS = """
INSERT INTO bookings (id, request_id, property_id, status, source, guest_name, guest_email, guest_phone, check_in,
                      check_out, package, number_of_rooms, total, currency, confirmation_number, reason, created_at,
                      paid, terms, updated_at)
SELECT *, $20 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::date[], $10::date[], $11::text[], $12::smallint[], $13::numeric[], $14::text[], $15::text[],
  $16::text[], $17::timestamptz[], $18::numeric[], $19::jsonb[])
ON CONFLICT (id) DO UPDATE SET status = excluded.status, total = excluded.total, currency = excluded.currency,
  number_of_rooms = excluded.number_of_rooms, confirmation_number = excluded.confirmation_number,
  reason = excluded.reason, paid = excluded.paid, terms = excluded.terms, updated_at = excluded.updated_at"""
_ADD_STAYS = """
INSERT INTO stays (code, booking_id, line, status, room_type, room, adults, children_0_to_5, children_6_to_10, amount,
                   type_label, extra_beds, first_night)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::smallint[],
  $8::smallint[], $9::smallint[], $10::numeric[], $11::text[], $12::smallint[], $13::numeric[])"""
_ADD_AUDIT = """
INSERT INTO audit_log (booking_id, at, who, action, changes, reason)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::jsonb[], $6::text[])"""
_COURSE = """
SELECT b.*, s.phase, s.progress, s.data FROM bookings b JOIN sagas s ON s.id = b.id WHERE b.id = $1"""
_COURSE_STAYS = "SELECT * FROM stays WHERE booking_id = $1 ORDER BY line"
_AUDIT = "SELECT at, who, action, changes, reason FROM audit_log WHERE booking_id = $1 ORDER BY id"

ACTIONS = {
    Status.PENDING: Action.CREATE,
    Status.CONFIRMED: Action.CONFIRM,
    Status.REJECTED: Action.REJECT,
    Status.CANCELLED: Action.CANCEL,
    Status.FAILED: Action.UPDATE,
}
# Messages that are about a confirmed booking alone; replies of the lifecycle's sagas usually are.
LIFECYCLE = (StaffCommand, ChangeDue, FolioChanged)


class Repository:
    """Reads and writes bookings with their sagas. Properties change rarely and are kept for a few seconds."""

    def __init__(self, tables: Mapping[str, SagaTable[Any]] = TABLES) -> None:
        self._tables = tables
        self._properties: dict[str, Property] = {}
        self._default: str | None = None
        self._read_at = float("-inf")
        self._cache = SagaCache()
        self._codes = codes.Codes()

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The sagas and bookings that the messages concern, locked, and codes for new requests."""
        uow = await self._unit_of_work(connection)
        await uow.sagas.load(connection, {_booking_id(message) for message in messages})
        if ids := _confirmed(uow, messages):
            await lifecycle_store.load(connection, uow.lifecycle, uow.sagas, ids, messages)
        uow.codes = await codes.take(connection, _codes_wanted(uow, messages))
        return uow

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same without locks: a request counts as new, and a saga is as this process last wrote it.

        Raises:
            Conflict: where a confirmed booking is concerned.
        """
        uow = await self._unit_of_work(connection)
        new = {_booking_id(message) for message in messages if isinstance(message, BookingRequested)}
        await uow.sagas.load_optimistic(connection, {_booking_id(message) for message in messages}, new)
        if _confirmed(uow, messages):
            raise Conflict("a confirmed booking is changed under its lock")
        uow.codes = await self._codes.take(connection, _codes_wanted(uow, messages))
        return uow

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """What changed, one statement a table, to be written together with the outbox."""
        statements = uow.sagas.changes(now)
        statements += lifecycle_store.changes(uow.lifecycle, now)
        changes = sorted(uow.changes.values(), key=lambda change: change.saga.id)
        if changes:
            rows = _columns([_booking_row(change) for change in changes], 19)
            statements.append(Statement(_SAVE_BOOKINGS, (*rows, now)))
        confirmed = [change.saga.data for change in changes if change.new is Status.CONFIRMED]
        if confirmed:
            rows = _columns([row for data in confirmed for row in _stay_rows(data)], 13)
            statements.append(Statement(_ADD_STAYS, tuple(rows)))
        if changes:
            rows = _columns([_audit_row(change, now) for change in changes], 6)
            statements.append(Statement(_ADD_AUDIT, tuple(rows)))
        return statements

    async def due(self, connection: Connection, now: datetime) -> list[Message]:
        """Wake-ups for sagas that have waited long enough."""
        due = await store.take_due(connection, now, WAKE_AGAIN)
        bookings = await bookings_of(connection, due) if due else {}
        return [
            SagaDue(booking_id=saga_id) if saga_id == booking_id else ChangeDue(booking_id=booking_id)
            for saga_id, booking_id in bookings.items()
        ]

    async def course(self, connection: Connection, booking_id: UUID) -> dict[str, Any] | None:
        """Everything about one booking, for reading."""
        row = await connection.fetchrow(_COURSE, booking_id)
        if row is None:
            return None
        audit = [
            dict(line) | {"changes": json.loads(line["changes"])} for line in await connection.fetch(_AUDIT, booking_id)
        ]
        stays = [dict(stay) for stay in await connection.fetch(_COURSE_STAYS, booking_id)]
        return dict(row) | {"audit": audit, "stays": stays}

    async def confirmed(self, connection: Connection, booking_id: UUID) -> tuple[Booking, Property] | None:
        """A confirmed booking and its property, without locks."""
        await self._read_properties(connection)
        booking = await lifecycle_store.read(connection, booking_id)
        house = self._properties.get(booking.property_id) if booking else None
        return (booking, house) if booking and house else None

    async def _unit_of_work(self, connection: Connection) -> UnitOfWork:
        await self._read_properties(connection)
        return UnitOfWork(self._properties, self._default, Sagas(self._tables, self._cache))

    async def _read_properties(self, connection: Connection) -> None:
        if time.monotonic() - self._read_at < PROPERTIES_KEPT_SECONDS:
            return
        rows = await connection.fetch(_PROPERTIES)
        self._properties = {row["id"]: _property(row) for row in rows}
        self._default = next((row["id"] for row in rows if row["is_default"]), None)
        self._read_at = time.monotonic()


def _booking_id(message: Message) -> UUID:
    if isinstance(message, BookingRequested):
        return booking_id_of(message.request_id)
    booking_id: UUID = message.booking_id  # type: ignore[attr-defined]
    return booking_id


def _confirmed(uow: UnitOfWork, messages: Sequence[Message]) -> set[UUID]:
    """The bookings that the messages concern as confirmed ones."""
    ids = {_booking_id(message) for message in messages if isinstance(message, LIFECYCLE)}
    replied = {_booking_id(message) for message in messages if type(message) in LIFECYCLE_REPLIES}
    sagas = [saga for booking_id in replied if (saga := uow.saga(booking_id))]
    return ids | {saga.id for saga in sagas if saga.progress.verdict is Verdict.DONE}


def _codes_wanted(uow: UnitOfWork, messages: Sequence[Message]) -> Counter[str]:
    """How many codes of each property new requests need; of a request that is refused they stay unused."""
    wanted: Counter[str] = Counter()
    for message in messages:
        if isinstance(message, BookingRequested) and uow.saga(booking_id_of(message.request_id)) is None:
            property_id = message.property_id or uow.default_property or ""
            if property_id in uow.properties:
                wanted[property_id] += len(message.rooms)
    return wanted


def _booking_row(change: Change) -> tuple[Any, ...]:
    data, progress = change.saga.data, change.saga.progress
    request = data.request
    return (
        data.booking_id,
        request.request_id,
        data.property.id,
        change.new.value,
        "CHAT",
        request.guest.name,
        request.guest.email,
        request.guest.phone or request.contact.wa_id,
        request.check_in,
        request.check_out,
        request.package,
        len(data.rooms) or len(request.rooms),
        data.total,
        data.currency,
        data.reservation_codes()[0] if change.new is Status.CONFIRMED else None,
        progress.reason or None,
        change.saga.started_at,
        data.total if change.new is Status.CONFIRMED else None,
        terms_out(data.terms),
    )


def _stay_rows(data: MultiRoomData) -> list[tuple[Any, ...]]:
    return [
        (
            data.codes[room.line],
            data.booking_id,
            room.line,
            StayStatus.CONFIRMED.value,
            room.type,
            room.room,
            room.adults,
            room.children_0_to_5,
            room.children_6_to_10,
            room.amount,
            room.type_label,
            room.extra_beds,
            room.first_night,
        )
        for room in data.rooms
    ]


def _audit_row(change: Change, now: datetime) -> tuple[Any, ...]:
    changes = [{"field": "status", "old": change.old, "new": change.new}]
    return change.saga.id, now, change.who, ACTIONS[change.new].value, json.dumps(changes), change.why


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[n] for row in rows] for n in range(width)]


def _property(row: Any) -> Property:
    return Property(
        id=row["id"],
        name=row["name"],
        timezone=row["timezone"],
        contact=row["contact"],
        policy=Policy(row["policy"]),
        multi_room=MultiRoom(row["multi_room"]),
        multi_room_guests=frozenset(row["multi_room_guests"]),
        check_in_time=row["check_in_time"],
        terms=terms_in(row["terms"]),
    )
