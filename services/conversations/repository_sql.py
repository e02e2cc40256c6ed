"""The statements of the repository, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.conversations.threads.bookings import Apartment, Booking, Version
from services.conversations.threads.contacts import is_phone
from services.conversations.threads.rules import Thread
from services.conversations.unit_of_work import StoredMessage
from shared.contracts.conversations import ChatMessage
from shared.database.bulk import UPSERT, Column, Table

SUBSCRIBERS = "SELECT subscriber_id, phone FROM subscribers WHERE subscriber_id = ANY($1)"
CONVERSATIONS = "SELECT provider_thread_id, contact FROM threads WHERE provider_thread_id = ANY($1)"
LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, bucket) ELSE pg_advisory_xact_lock_shared($1, bucket) END
FROM unnest($2::int[], $3::bool[]) AS wanted (bucket, alone)"""
SEE_BOOKINGS = "SELECT * FROM bookings WHERE contact = ANY($1)"
LOCK_THREADS = "SELECT * FROM threads WHERE contact = ANY($1) ORDER BY id FOR UPDATE"
KNOWN_MESSAGES = """
SELECT channel, message_id FROM messages
WHERE (channel, message_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""

SAVE_SUBSCRIBERS = """
INSERT INTO subscribers (subscriber_id, phone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subscriber_id) DO UPDATE SET phone = excluded.phone"""


def unique(thread: Thread) -> tuple[str, str, str]:
    apartment = thread.apartment or Apartment("", "")
    return thread.contact, apartment.property_id, apartment.room


def _versions(kept: Sequence[Sequence[Any]]) -> tuple[Version, ...]:
    return tuple(
        Version(datetime.fromisoformat(at), revision, date.fromisoformat(first), date.fromisoformat(last), tuple(rooms))
        for at, revision, first, last, rooms in kept
    )


def _newest(booking: Booking) -> Version:
    """What the booking is now, for whoever reads the table; one that only its end was heard of has no rooms."""
    if booking.versions:
        return booking.versions[-1]
    end = booking.moments[0]
    return Version(end, 0, end.date(), end.date(), ())


BOOKINGS = Table(
    "bookings",
    Booking,
    Column("versions", "jsonb", lambda booking: [list(one) for one in booking.versions], _versions),
    Column("rooms", "text[]", lambda booking: _newest(booking).rooms),
    Column("check_in", "date", lambda booking: _newest(booking).check_in),
    Column("check_out", "date", lambda booking: _newest(booking).check_out),
    Column("confirmed_at", "timestamptz", lambda booking: min(booking.moments)),
    Column("as_of", "timestamptz", lambda booking: _newest(booking).since),
    Column("off", "boolean", lambda booking: booking.off_at is not None),
    fixed=("property_id",),
    on_conflict=UPSERT,
)
THREADS = Table(
    "threads",
    Thread,
    Column("property_id", "text", lambda thread: thread.apartment and thread.apartment.property_id),
    Column("room", "text", lambda thread: thread.apartment and thread.apartment.room),
    Column("errand_due_at", "timestamptz"),
    without=("apartment", "is_new", "changed", "errand"),
    fixed=("created_at",),
    sets={
        "errand_due_at": "coalesce(new.errand_due_at, threads.errand_due_at)",
        "errand_attempts": "CASE WHEN new.errand_due_at IS NULL THEN threads.errand_attempts ELSE 0 END",
    },
)
MESSAGES = Table(
    "messages",
    StoredMessage,
    Column("thread_id", "uuid", lambda one: one.thread.id),
    Column("channel", "text", lambda one: one.message.channel),
    Column("message_id", "text", lambda one: one.message.message_id),
    Column("author", "text", lambda one: one.message.author),
    Column("text", "text", lambda one: one.message.text),
    Column("provider", "text", lambda one: one.message.provider),
    Column("sender", "text"),
    Column("attachments", "jsonb", lambda one: _attachments(one.message)),
    without=("thread", "message"),
)


def _attachments(message: ChatMessage) -> list[dict[str, Any]]:
    return [attachment.model_dump(mode="json", exclude_none=True) for attachment in message.attachments]


def thread(row: Mapping[str, Any]) -> Thread:
    """The thread in a row."""
    apartment = Apartment(row["property_id"], row["room"]) if row["room"] is not None else None
    return THREADS.read(row, apartment=apartment, is_new=False)


def is_the_providers(thread: Thread) -> bool:
    """Whether the provider must hear of it: a subscriber's thread has no conversation there."""
    return (thread.errand or thread.is_new) and is_phone(thread.contact)
