"""Loads the confirmed bookings that a batch touches, with their sagas and commands, and writes what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from services.booking.lifecycle.batch import Answer, LifecycleBatch
from services.booking.record import BOOKINGS, CONFIRMED, STAYS, Booking, Stay
from shared.contracts.booking.staff import StaffCommand
from shared.database.bulk import Table
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
_BOOKING_OF_SAGA = "SELECT id, (data ->> 'booking_id')::uuid AS booking_id FROM sagas WHERE id = ANY($1)"

COMMANDS: Final = Table("commands", Answer, fixed=("booking_id", "type", "digest", "at"))


async def load(
    connection: Connection, batch: LifecycleBatch, sagas: Sagas, ids: Collection[UUID], messages: Iterable[Message]
) -> None:
    """Read and lock confirmed bookings in the order of their ids, with their sagas, and commands that were answered."""
    rows = await connection.fetch(_BOOKINGS, ids)
    stays: dict[UUID, list[Stay]] = {}
    for stay in await connection.fetch(_STAYS, [row["id"] for row in rows]):
        stays.setdefault(stay["booking_id"], []).append(STAYS.read(stay))
    batch.bookings = {row["id"]: CONFIRMED.read(row, stays=tuple(stays.get(row["id"], ()))) for row in rows}
    batch.versions = {row["id"]: row["version"] for row in rows}
    commands = {message.command_id for message in messages if isinstance(message, StaffCommand)}
    if under_way := {row["saga_id"] for row in rows if row["saga_id"]}:
        await sagas.load(connection, under_way)
        commands |= {sagas.by_id[saga_id].data.command_id for saga_id in under_way}
    batch.answers = {row["id"]: COMMANDS.read(row) for row in await connection.fetch(_COMMANDS, commands)}
    batch.answers_before = frozenset(batch.answers)


async def read(connection: Connection, booking_id: UUID) -> Booking | None:
    """A confirmed booking as it is, without locks."""
    row = await connection.fetchrow(_SEEN, [booking_id])
    stays = await connection.fetch(_STAYS, [booking_id])
    return CONFIRMED.read(row, stays=tuple(map(STAYS.read, stays))) if row else None


def changes(batch: LifecycleBatch, now: datetime) -> list[Statement]:
    """Writes what became of bookings and commands, one statement a table."""
    statements: list[Statement] = []
    if changed := [batch.bookings[key] for key in sorted(batch.changed)]:
        statements.append(BOOKINGS.update(changed, batch.versions, updated_at=now))
        statements.append(STAYS.update([stay for booking in changed for stay in booking.stays]))
    answered = [batch.answers[key] for key in sorted(batch.answered)]
    if new := [one for one in answered if one.id not in batch.answers_before]:
        statements.append(COMMANDS.insert(new))
    if concluded := [one for one in answered if one.id in batch.answers_before]:
        statements.append(COMMANDS.update(concluded))
    return statements


async def bookings_of(connection: Connection, saga_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The booking that each of the sagas is about."""
    return {row["id"]: row["booking_id"] for row in await connection.fetch(_BOOKING_OF_SAGA, saga_ids)}
