"""Loads what a batch of messages touches, and writes what became of it: sagas, bookings, stays and the audit log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.booking.lifecycle import store as lifecycle_store
from services.booking.lifecycle.store import bookings_of
from services.booking.record.booking import Booking
from services.booking.record.rows import AUDIT_LOG, BOOKINGS, STAYS, terms_in
from services.booking.record.states import Status
from services.booking.requests import codes
from services.booking.requests.property import MultiRoom, Property
from services.booking.requests.recorded import audit_entry, booking_row, stays_of
from services.booking.requests.store import take_codes
from services.booking.sagas import LIFECYCLE_REPLIES, TABLES
from services.booking.unit_of_work import UnitOfWork
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
_COURSE = """
SELECT b.*, s.phase, s.progress, s.data FROM bookings b JOIN sagas s ON s.id = b.id WHERE b.id = $1"""
_COURSE_STAYS = "SELECT * FROM stays WHERE booking_id = $1 ORDER BY line"
_AUDIT = "SELECT at, who, action, changes, reason FROM audit_log WHERE booking_id = $1 ORDER BY id"

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
        uow.codes = await take_codes(connection, _codes_wanted(uow, messages))
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
            statements.append(BOOKINGS.insert([booking_row(change) for change in changes], updated_at=now))
        if confirmed := [change.saga.data for change in changes if change.new is Status.CONFIRMED]:
            statements.append(STAYS.insert([stay for data in confirmed for stay in stays_of(data)]))
        if entries := [*[audit_entry(change, now) for change in changes], *uow.lifecycle.entries]:
            statements.append(AUDIT_LOG.insert(entries))
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
        audit = [dict(line) for line in await connection.fetch(_AUDIT, booking_id)]
        stays = [dict(stay) for stay in await connection.fetch(_COURSE_STAYS, booking_id)]
        return dict(row) | {"audit": audit, "stays": stays}

    async def confirmed(self, connection: Connection, booking_id: UUID) -> tuple[Booking, Property] | None:
        """A confirmed booking and its property, without locks."""
        await self._read_properties(connection)
        booking = await lifecycle_store.read(connection, booking_id)
        property_ = self._properties.get(booking.property_id) if booking else None
        return (booking, property_) if booking and property_ else None

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
