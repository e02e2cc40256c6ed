"""The statements of the repository, and what becomes of their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.conversations.threads.bookings import Apartment, Booking, Version
from services.conversations.threads.contacts import is_phone
from services.conversations.threads.rules import Thread
from services.conversations.unit_of_work import PhoneRegion, StoredMessage, sender_of
from shared.contracts.conversations import Attachment

SUBSCRIBERS = "SELECT subscriber_id, phone FROM subscribers WHERE subscriber_id = ANY($1)"
CONVERSATIONS = "SELECT provider_thread_id, contact FROM threads WHERE provider_thread_id = ANY($1)"
LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, bucket) ELSE pg_advisory_xact_lock_shared($1, bucket) END
FROM unnest($2::int[], $3::bool[]) AS wanted (bucket, alone)"""
BOOKINGS = "SELECT * FROM bookings WHERE contact = ANY($1)"
THREADS = "SELECT * FROM threads WHERE contact = ANY($1) ORDER BY id FOR UPDATE"
KNOWN_MESSAGES = """
SELECT channel, message_id FROM messages
WHERE (channel, message_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""

SAVE_SUBSCRIBERS = """
INSERT INTO subscribers (subscriber_id, phone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subscriber_id) DO UPDATE SET phone = excluded.phone"""
SAVE_BOOKINGS = """
INSERT INTO bookings (id, contact, guest_name, property_id, property_name, timezone, rooms, check_in, check_out,
                      confirmed_at, as_of, off, off_at, versions)
SELECT id, contact, guest_name, property_id, property_name, timezone,
       ARRAY(SELECT jsonb_array_elements_text(rooms)), check_in, check_out, confirmed_at, as_of, off_at IS NOT NULL,
       off_at, versions
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::date[],
            $9::date[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::jsonb[])
  AS new (id, contact, guest_name, property_id, property_name, timezone, rooms, check_in, check_out, confirmed_at,
          as_of, off_at, versions)
ON CONFLICT (id) DO UPDATE SET contact = excluded.contact, guest_name = excluded.guest_name,
  property_name = excluded.property_name, timezone = excluded.timezone, rooms = excluded.rooms,
  check_in = excluded.check_in, check_out = excluded.check_out, confirmed_at = excluded.confirmed_at,
  as_of = excluded.as_of, off = excluded.off, off_at = excluded.off_at, versions = excluded.versions"""
CHANGE_THREADS = """
UPDATE threads SET contact = new.contact, property_id = new.property_id, room = new.room,
    booking_id = new.booking_id, name = new.name, participants = new.participants,
    first_message_at = new.first_message_at, closed_at = new.closed_at, settled = new.settled,
    last_message_at = new.last_message_at, relinked_at = new.relinked_at,
    provider_thread_id = new.provider_thread_id, errand_due_at = coalesce(new.errand_due_at, threads.errand_due_at),
    errand_attempts = CASE WHEN new.errand_due_at IS NULL THEN threads.errand_attempts ELSE 0 END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[], $8::timestamptz[],
       $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::timestamptz[], $13::timestamptz[], $14::text[],
       $15::timestamptz[])
     AS new (id, contact, property_id, room, booking_id, name, participants, first_message_at, created_at, closed_at,
             settled, last_message_at, relinked_at, provider_thread_id, errand_due_at) WHERE threads.id = new.id"""
ADD_THREADS = """
INSERT INTO threads (id, contact, property_id, room, booking_id, name, participants, first_message_at, created_at,
                     closed_at, settled, last_message_at, relinked_at, provider_thread_id, errand_due_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[],
                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::timestamptz[],
                     $13::timestamptz[], $14::text[], $15::timestamptz[])"""
ADD_MESSAGES = """
INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at, provider, sender,
                      attachments)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                     $7::timestamptz[], $8::text[], $9::text[], $10::jsonb[])"""


def unique(thread: Thread) -> tuple[str, str, str]:
    apartment = thread.apartment or Apartment("", "")
    return thread.contact, apartment.property_id, apartment.room


def booking(row: Mapping[str, Any]) -> Booking:
    """A booking with all its versions."""
    off_at = row["off_at"] or (row["confirmed_at"] if row["off"] else None)
    facts = {name: row[name] for name in ("id", "contact", "guest_name", "property_id", "property_name", "timezone")}
    return Booking(**facts, versions=tuple(_versions(row)), off_at=off_at)


def _versions(row: Mapping[str, Any]) -> Iterator[Version]:
    """Those that are kept; the version of this program before wrote the newest alone."""
    kept = [
        Version(datetime.fromisoformat(at), revision, date.fromisoformat(first), date.fromisoformat(last), tuple(rooms))
        for at, revision, first, last, rooms in json.loads(row["versions"])
    ]
    yield from kept
    newest = row["check_in"], row["check_out"], tuple(row["rooms"])
    if not kept and row["rooms"]:
        yield Version(row["confirmed_at"], 0, *newest)
    elif kept and row["as_of"] and row["as_of"] > kept[-1].since:
        yield Version(row["as_of"], kept[-1].revision + 1, *newest)


def thread(row: Mapping[str, Any]) -> Thread:
    return Thread(
        contact=row["contact"],
        name=row["name"],
        participants=json.loads(row["participants"]),
        first_message_at=row["first_message_at"],
        created_at=row["created_at"],
        apartment=Apartment(row["property_id"], row["room"]) if row["room"] is not None else None,
        booking_id=row["booking_id"],
        closed_at=row["closed_at"],
        id=row["id"],
        is_new=False,
        settled=row["settled"],
        last_message_at=row["last_message_at"],
        relinked_at=row["relinked_at"],
        provider_thread_id=row["provider_thread_id"],
    )


def booking_columns(bookings: Sequence[Booking]) -> tuple[list[Any], ...]:
    ordered = sorted(bookings, key=lambda booking: booking.id)
    newests = [_newest(booking) for booking in ordered]
    return (
        [booking.id for booking in ordered],
        [booking.contact for booking in ordered],
        [booking.guest_name for booking in ordered],
        [booking.property_id for booking in ordered],
        [booking.property_name for booking in ordered],
        [booking.timezone for booking in ordered],
        [json.dumps(newest.rooms) for newest in newests],
        [newest.check_in for newest in newests],
        [newest.check_out for newest in newests],
        [min(booking.moments) for booking in ordered],
        [newest.since for newest in newests],
        [booking.off_at for booking in ordered],
        [json.dumps(booking.versions, default=str) for booking in ordered],
    )


def _newest(booking: Booking) -> Version:
    """What the booking is now, for whoever reads the table; one that only its end was heard of has no rooms."""
    if booking.versions:
        return booking.versions[-1]
    end = booking.moments[0]
    return Version(end, 0, end.date(), end.date(), ())


def thread_columns(threads: Sequence[Thread], errand_at: datetime | None) -> tuple[list[Any], ...]:
    return (
        [thread.id for thread in threads],
        [thread.contact for thread in threads],
        [thread.apartment.property_id if thread.apartment else None for thread in threads],
        [thread.apartment.room if thread.apartment else None for thread in threads],
        [thread.booking_id for thread in threads],
        [thread.name for thread in threads],
        [json.dumps(thread.participants) for thread in threads],
        [thread.first_message_at for thread in threads],
        [thread.created_at for thread in threads],
        [thread.closed_at for thread in threads],
        [thread.settled for thread in threads],
        [thread.last_message_at for thread in threads],
        [thread.relinked_at for thread in threads],
        [thread.provider_thread_id for thread in threads],
        [errand_at if _is_the_providers(thread) else None for thread in threads],
    )


def _is_the_providers(thread: Thread) -> bool:
    """Whether the provider must hear of it: a subscriber's thread has no conversation there."""
    return (thread.errand or thread.is_new) and is_phone(thread.contact)


def message_columns(stored: Sequence[StoredMessage], region: PhoneRegion) -> tuple[list[Any], ...]:
    return (
        [one.thread.id for one in stored],
        [one.message.channel.value for one in stored],
        [one.message.message_id for one in stored],
        [one.message.author.value for one in stored],
        [one.message.text for one in stored],
        [one.sent_at for one in stored],
        [one.received_at for one in stored],
        [one.message.provider for one in stored],
        [sender_of(one.message, region) for one in stored],
        [_packed(one.message.attachments) for one in stored],
    )


def _packed(attachments: Sequence[Attachment]) -> str:
    return json.dumps([attachment.model_dump(mode="json", exclude_none=True) for attachment in attachments])
