"""What a batch of events finds and leaves behind: the agenda, who wrote last, and new deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson

from services.notifications.content import NotificationComposer
from services.notifications.delivery.store import columns_of
from services.notifications.events.reminders import REMINDERS, Booked, Entry
from services.notifications.reports.store import TOLD, ReportStore
from services.notifications.unit_of_work import UnitOfWork
from shared.contracts.booking import BookingConfirmed
from shared.contracts.booking import Outcome as BookingEvent
from shared.contracts.notifications import ReminderDue
from shared.database.bulk import UPSERT, Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement, execute_together
from shared.errors import Conflict
from shared.messages.message import Message

_HEAR = """
INSERT INTO last_heard (channel, address, heard_at)
SELECT * FROM jsonb_to_recordset($1) AS new (channel text, address text, heard_at timestamptz) ORDER BY 1, 2
ON CONFLICT (channel, address) DO UPDATE SET heard_at = greatest(last_heard.heard_at, excluded.heard_at)"""
_ENTRIES = """
SELECT booking_id, as_of, state, booked, left_on FROM agenda
WHERE booking_id = ANY($1::uuid[]) ORDER BY booking_id FOR UPDATE"""
_ARE_KNOWN = """
SELECT EXISTS (SELECT FROM agenda WHERE booking_id = ANY($1::uuid[]))
    OR EXISTS (SELECT FROM deliveries WHERE booking_id = ANY($1::uuid[]))"""
# What is under way may go out all the same: then its outcome says so; otherwise it is not tried again.
_WITHDRAW = """
WITH overtaken AS (
    SELECT number FROM deliveries
    WHERE (booking_id, occasion) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) AND audience = 'guest'
      AND status IN ('pending', 'standby') ORDER BY number FOR UPDATE)
UPDATE deliveries SET status = 'withdrawn', finished_at = $3, leased_until = NULL
FROM overtaken WHERE deliveries.number = overtaken.number"""
# What was never begun leaves no trace, so that the same reminder may be planned again; the rest stays in the log.
_TAKE_BACK = """
WITH overtaken AS (
    SELECT number, attempts FROM deliveries
    WHERE booking_id = ANY($1::uuid[]) AND split_part(occasion, ':', 1) = ANY($2::text[])
      AND status IN ('pending', 'standby') ORDER BY number FOR UPDATE),
begun AS (
    UPDATE deliveries SET status = 'withdrawn', finished_at = $3, leased_until = NULL
    FROM overtaken WHERE deliveries.number = overtaken.number AND overtaken.attempts > 0)
DELETE FROM deliveries USING overtaken WHERE deliveries.number = overtaken.number AND overtaken.attempts = 0"""
AGENDA = Table(
    "agenda",
    Entry,
    Column(
        "booked",
        "jsonb",
        lambda entry: orjson.Fragment(entry.booked.model_dump_json(exclude_none=True)),
        Booked.model_validate,
    ),
    key="booking_id",
    on_conflict=f"{UPSERT} WHERE agenda.as_of <= excluded.as_of",
)


class Repository(ReportStore[NotificationComposer]):
    """The deliveries and the agenda: loaded and written by batches, claimed and recorded by the sending jobs."""

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The agenda of the bookings that the messages concern, and what their guests were notified of before."""
        del now
        uow = UnitOfWork(self._composer)
        if ids := sorted({one.booking_id for one in messages if isinstance(one, BookingEvent | ReminderDue)}):
            uow.entries = {row["booking_id"]: AGENDA.read(row) for row in await connection.fetch(_ENTRIES, ids)}
            for row in await connection.fetch(TOLD, ids):
                uow.occasions.setdefault(row["booking_id"], set()).add(row["occasion"])
        return uow

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Nothing of bookings that are confirmed, as nearly all are, without a message to their guests before.

        Raises:
            Conflict: where something else has happened, or is known of one of the bookings.
        """
        del now
        if not all(isinstance(one, BookingConfirmed) for one in messages):
            raise Conflict("only a booking's first event is handled without locks")
        ids = [one.booking_id for one in messages if isinstance(one, BookingConfirmed)]
        if await connection.fetchval(_ARE_KNOWN, ids):
            raise Conflict("something is known of a booking already")
        return UnitOfWork(self._composer, all_new=True)

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """Write what is new, in one sorted order so that rivals wait for each other and never deadlock."""
        if uow.all_new:
            entries = [uow.entries[booking_id] for booking_id in sorted(uow.changed)]
            return [AGENDA.insert_new(entries), *([self.added_as_new(uow.new, now)] if uow.new else [])]
        if uow.unplanned:
            await connection.execute(_TAKE_BACK, list(uow.unplanned), [one.value for one in REMINDERS], now)
        if uow.withdrawn:
            await connection.execute(_WITHDRAW, *columns_of(uow.withdrawn), now)
        if uow.changed:
            entries = [uow.entries[booking_id] for booking_id in sorted(uow.changed)]
            await execute_together(connection, [AGENDA.insert(entries)])
        if uow.last_contact:
            heard = [
                {"channel": channel, "address": address, "heard_at": at}
                for (channel, address), at in uow.last_contact.items()
            ]
            await connection.execute(_HEAR, heard)
        if uow.new:
            await self.add(connection, uow.new, now)
        return []
