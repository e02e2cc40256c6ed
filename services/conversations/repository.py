"""The only queries of conversations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

import asyncpg

from services.conversations.domain.bookings import Apartment, Booking
from services.conversations.domain.contacts import Contacts, is_phone
from services.conversations.domain.threads import Tenant, Thread
from services.conversations.world import (
    MessageKey,
    Place,
    Stored,
    Told,
    World,
    all_contacts,
    contacts_of,
    key_of,
    sender_of,
)
from shared.contracts.conversations import Attachment, ChatMessage
from shared.database import Connection
from shared.errors import Conflict
from shared.messages import Message

LOCK_SPACE = 5  # the first half of our advisory locks
LOCK_BUCKETS = 1024  # bounds the locks of a large batch; two tenants in one bucket only wait for each other

_SUBSCRIBERS = "SELECT subscriber_id, phone FROM subscribers WHERE subscriber_id = ANY($1)"
_CONVERSATIONS = "SELECT provider_thread_id, contact FROM threads WHERE provider_thread_id = ANY($1)"
_LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, bucket) ELSE pg_advisory_xact_lock_shared($1, bucket) END
FROM unnest($2::int[], $3::bool[]) AS wanted (bucket, alone)"""
_BOOKINGS = "SELECT * FROM bookings WHERE contact = ANY($1)"
_THREADS = "SELECT * FROM threads WHERE contact = ANY($1) ORDER BY id FOR UPDATE"
_KNOWN_MESSAGES = """
SELECT channel, message_id FROM messages
WHERE (channel, message_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""

_SAVE_SUBSCRIBERS = """
INSERT INTO subscribers (subscriber_id, phone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subscriber_id) DO UPDATE SET phone = excluded.phone"""
_SAVE_BOOKINGS = """
INSERT INTO bookings (id, contact, guest_name, property_id, property_name, timezone, rooms, check_in, check_out,
                      confirmed_at, as_of, off)
SELECT id, contact, guest_name, property_id, property_name, timezone,
       ARRAY(SELECT jsonb_array_elements_text(rooms)), check_in, check_out, confirmed_at, as_of, off
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::date[],
            $9::date[], $10::timestamptz[], $11::timestamptz[], $12::boolean[])
  AS new (id, contact, guest_name, property_id, property_name, timezone, rooms, check_in, check_out, confirmed_at,
          as_of, off)
ON CONFLICT (id) DO UPDATE SET contact = excluded.contact, rooms = excluded.rooms, check_in = excluded.check_in,
  check_out = excluded.check_out, confirmed_at = excluded.confirmed_at, as_of = excluded.as_of, off = excluded.off"""
_CHANGE_THREADS = """
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
_ADD_THREADS = """
INSERT INTO threads (id, contact, property_id, room, booking_id, name, participants, first_message_at, created_at,
                     closed_at, settled, last_message_at, relinked_at, provider_thread_id, errand_due_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[],
                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::timestamptz[],
                     $13::timestamptz[], $14::text[], $15::timestamptz[])"""
_ADD_MESSAGES = """
INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at, provider, sender,
                      attachments)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                     $7::timestamptz[], $8::text[], $9::text[], $10::jsonb[])"""


class Repository:
    """Threads, bookings and messages of the tenants that a batch touches.

    Messages of a tenant may be handled at the same time, and the unique indexes decide who was first; a booking is
    alone with its tenant, because neither side would see what the other is about to write. `errands` says that there is
    a provider who must hear of new threads and names.
    """

    def __init__(self, place: Place, staff: Mapping[str, str], *, errands: bool = False) -> None:
        self._place = place
        self._staff = staff
        self._errands = errands

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> World:
        """Every tenant of the batch, with all bookings and threads, and which of its messages are known."""
        del now
        chats = [message for message in messages if isinstance(message, ChatMessage)]
        confirmed = [message for message in messages if isinstance(message, Told)]
        conversations = await _conversations(connection, chats)
        writers = [contacts_of(message, self._place, conversations) for message in chats]
        guests = [contacts_of(message, self._place) for message in confirmed]
        world = await self._world(connection, writers, guests)
        world.conversations = conversations
        if chats:
            world.known_messages = await _known(connection, [key_of(message) for message in chats])
        return world

    async def load_tenants(self, connection: Connection, contacts: Sequence[Contacts]) -> World:
        """These tenants, each to be alone with."""
        return await self._world(connection, [], contacts)

    async def _world(self, connection: Connection, writers: Sequence[Contacts], guests: Sequence[Contacts]) -> World:
        world = World(self._place)
        world.tenants = await self._tenants(connection, writers, guests)
        contacts = list(world.tenants)
        await self._load_bookings(connection, world, contacts)
        for row in await connection.fetch(_THREADS, contacts):
            world.tenants[row["contact"]].threads.append(_thread(row))
        return world

    async def _tenants(
        self, connection: Connection, writers: Sequence[Contacts], guests: Sequence[Contacts]
    ) -> dict[str, Tenant]:
        """A tenant behind each contact, with the locks that keep it."""
        contacts = all_contacts([*writers, *guests])
        phones = await _phones(connection, contacts)
        await _lock(connection, {*contacts, *phones.values()}, alone=all_contacts(guests))
        if phones != await _phones(connection, contacts):
            raise Conflict("a subscriber's phone became known meanwhile")
        mains = {phones.get(contact, contact) for contact in contacts}
        tenants = {main: Tenant(main, self._staff) for main in sorted(mains)}
        return tenants | {contact: tenants[phone] for contact, phone in phones.items()}

    async def _load_bookings(self, connection: Connection, world: World, contacts: Sequence[str]) -> None:
        for row in await connection.fetch(_BOOKINGS, contacts):
            booking = Booking(**(dict(row) | {"rooms": tuple(row["rooms"])}))
            world.known_bookings[booking.id] = booking
            world.tenants[booking.contact].bookings[booking.id] = booking

    async def save(self, connection: Connection, world: World, now: datetime) -> None:
        """Write what changed, each table in one sorted order.

        Raises:
            Conflict: where somebody else opened the same thread or stored the same message first.
        """
        try:
            await self._save(connection, world, now if self._errands else None)
        except asyncpg.UniqueViolationError as rival:
            raise Conflict(f"{rival.constraint_name} was taken meanwhile") from rival

    async def _save(self, connection: Connection, world: World, errand_at: datetime | None) -> None:
        everybody = world.everybody
        if world.new_subscribers:
            pairs = sorted(world.new_subscribers.items())
            await connection.execute(_SAVE_SUBSCRIBERS, *map(list, zip(*pairs, strict=True)))
        heard = [booking for tenant in everybody for booking in tenant.bookings.values()]
        if fresh := [booking for booking in heard if world.known_bookings.get(booking.id) != booking]:
            await connection.execute(_SAVE_BOOKINGS, *_booking_columns(fresh))
        threads = sorted((thread for tenant in everybody for thread in tenant.threads), key=lambda one: one.id)
        if changed := [thread for thread in threads if thread.changed and not thread.is_new]:
            await connection.execute(_CHANGE_THREADS, *_thread_columns(changed, errand_at))
        if new := sorted((thread for thread in threads if thread.is_new), key=_unique):
            await connection.execute(_ADD_THREADS, *_thread_columns(new, errand_at))
        if world.new_messages:
            stored = sorted(world.new_messages, key=lambda one: one.key)
            await connection.execute(_ADD_MESSAGES, *_message_columns(stored, self._place))


async def _conversations(connection: Connection, chats: Sequence[ChatMessage]) -> dict[str, str]:
    """The contacts behind those of the providers' conversations that are a thread's."""
    named = sorted({message.provider_thread_id for message in chats if message.provider_thread_id})
    if not named:
        return {}
    return {row["provider_thread_id"]: row["contact"] for row in await connection.fetch(_CONVERSATIONS, named)}


async def _phones(connection: Connection, contacts: Sequence[str]) -> dict[str, str]:
    """The phones of those subscribers whose phone is known."""
    subscribers = [contact for contact in contacts if not is_phone(contact)]
    if not subscribers:
        return {}
    return {row["subscriber_id"]: row["phone"] for row in await connection.fetch(_SUBSCRIBERS, subscribers)}


async def _lock(connection: Connection, contacts: set[str], alone: Sequence[str]) -> None:
    """Share the tenants with others, or be alone with them, in one sorted order so that rivals never deadlock."""
    alone_in = {_bucket(contact) for contact in alone}
    buckets = sorted({_bucket(contact) for contact in contacts})
    await connection.execute(_LOCK, LOCK_SPACE, buckets, [bucket in alone_in for bucket in buckets])


def _bucket(contact: str) -> int:
    return crc32(contact.encode()) % LOCK_BUCKETS


async def _known(connection: Connection, keys: Sequence[MessageKey]) -> set[MessageKey]:
    rows = await connection.fetch(_KNOWN_MESSAGES, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["channel"], row["message_id"]) for row in rows}


def _unique(thread: Thread) -> tuple[str, str, str]:
    apartment = thread.apartment or Apartment("", "")
    return thread.contact, apartment.property_id, apartment.room


def _thread(row: Mapping[str, Any]) -> Thread:
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


def _booking_columns(bookings: Sequence[Booking]) -> tuple[list[Any], ...]:
    ordered = sorted(bookings, key=lambda booking: booking.id)
    return (
        [booking.id for booking in ordered],
        [booking.contact for booking in ordered],
        [booking.guest_name for booking in ordered],
        [booking.property_id for booking in ordered],
        [booking.property_name for booking in ordered],
        [booking.timezone for booking in ordered],
        [json.dumps(booking.rooms) for booking in ordered],
        [booking.check_in for booking in ordered],
        [booking.check_out for booking in ordered],
        [booking.confirmed_at for booking in ordered],
        [booking.as_of for booking in ordered],
        [booking.off for booking in ordered],
    )


def _thread_columns(threads: Sequence[Thread], errand_at: datetime | None) -> tuple[list[Any], ...]:
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


def _message_columns(stored: Sequence[Stored], place: Place) -> tuple[list[Any], ...]:
    return (
        [one.thread.id for one in stored],
        [one.message.channel.value for one in stored],
        [one.message.message_id for one in stored],
        [one.message.author.value for one in stored],
        [one.message.text for one in stored],
        [one.sent_at for one in stored],
        [one.received_at for one in stored],
        [one.message.provider for one in stored],
        [sender_of(one.message, place) for one in stored],
        [_packed(one.message.attachments) for one in stored],
    )


def _packed(attachments: Sequence[Attachment]) -> str:
    return json.dumps([attachment.model_dump(mode="json", exclude_none=True) for attachment in attachments])
