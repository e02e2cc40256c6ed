"""Threads, bookings and messages of the tenants that a batch touches: read under locks, and written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from zlib import crc32

from services.conversations.threads.bookings import Apartment, Booking, Version
from services.conversations.threads.contacts import Contacts, is_phone
from services.conversations.threads.rules import Tenant, Thread
from services.conversations.unit_of_work import (
    BookingEvent,
    MessageKey,
    PhoneRegion,
    StoredMessage,
    UnitOfWork,
    all_contacts,
    contacts_of,
    key_of,
    sender_of,
)
from shared.contracts.conversations import ChatMessage
from shared.database.bulk import UPSERT, Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement, execute_together
from shared.errors import Conflict
from shared.messages.message import Message

LOCK_SPACE = 5  # the first half of our advisory locks
LOCK_BUCKETS = 1024  # bounds the locks of a large batch; two tenants in one bucket only wait for each other

_SUBSCRIBERS = "SELECT subscriber_id, phone FROM subscribers WHERE subscriber_id = ANY($1)"
_CONVERSATIONS = "SELECT provider_thread_id, contact FROM threads WHERE provider_thread_id = ANY($1)"
_LOCK = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, bucket) ELSE pg_advisory_xact_lock_shared($1, bucket) END
FROM unnest($2::int[], $3::bool[]) AS wanted (bucket, alone)"""
_SEE_BOOKINGS = "SELECT * FROM bookings WHERE contact = ANY($1)"
_LOCK_THREADS = "SELECT * FROM threads WHERE contact = ANY($1) ORDER BY id FOR UPDATE"
_KNOWN_MESSAGES = """
SELECT channel, message_id FROM messages
WHERE (channel, message_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""
_SAVE_SUBSCRIBERS = """
INSERT INTO subscribers (subscriber_id, phone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subscriber_id) DO UPDATE SET phone = excluded.phone"""


def _versions(kept: Sequence[Sequence[Any]]) -> tuple[Version, ...]:
    return tuple(
        Version(datetime.fromisoformat(at), revision, date.fromisoformat(first), date.fromisoformat(last), tuple(rooms))
        for at, revision, first, last, rooms in kept
    )


BOOKINGS = Table(
    "bookings",
    Booking,
    Column("versions", "jsonb", lambda booking: [list(one) for one in booking.versions], _versions),
    fixed=("property_id",),
    on_conflict=UPSERT,
)
THREADS = Table(
    "threads",
    Thread,
    Column("property_id", "text", lambda thread: thread.apartment and thread.apartment.property_id),
    Column("room", "text", lambda thread: thread.apartment and thread.apartment.room),
    Column("errand_due_at", "timestamptz"),
    without=("apartment", "is_new", "changed", "provider_outdated"),
    fixed=("created_at",),
    sets={
        "errand_due_at": "coalesce(new.errand_due_at, threads.errand_due_at)",
        "errand_attempts": "CASE WHEN new.errand_due_at IS NULL THEN threads.errand_attempts ELSE 0 END",
    },
)


def _attachments(message: ChatMessage) -> list[dict[str, Any]]:
    return [attachment.model_dump(mode="json", exclude_none=True) for attachment in message.attachments]


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


class Repository:
    """Threads, bookings and messages of the tenants that a batch touches.

    Messages of a tenant may be handled at the same time, and the unique indexes decide who was first; a booking is
    alone with its tenant, because neither side would see what the other is about to write.
    `keeps_conversations`: there is a provider who must hear of new threads and names.
    """

    def __init__(self, region: PhoneRegion, staff: Mapping[str, str], *, keeps_conversations: bool = False) -> None:
        self._region = region
        self._staff = staff
        self._keeps_conversations = keeps_conversations

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Every tenant of the batch, with all bookings and threads, and which of its messages are known."""
        del now
        chats = [message for message in messages if isinstance(message, ChatMessage)]
        confirmed = [message for message in messages if isinstance(message, BookingEvent)]
        conversations = await _conversations(connection, chats)
        writers = [contacts_of(message, self._region, conversations) for message in chats]
        guests = [contacts_of(message, self._region) for message in confirmed]
        uow = await self._unit_of_work(connection, writers, guests)
        uow.conversations = conversations
        if chats:
            uow.known_messages = await _known(connection, [key_of(message) for message in chats])
        return uow

    async def load_tenants(self, connection: Connection, contacts: Sequence[Contacts]) -> UnitOfWork:
        """These tenants, each to be alone with."""
        return await self._unit_of_work(connection, [], contacts)

    async def _unit_of_work(
        self, connection: Connection, writers: Sequence[Contacts], guests: Sequence[Contacts]
    ) -> UnitOfWork:
        uow = UnitOfWork(self._region)
        uow.tenants = await self._tenants(connection, writers, guests)
        contacts = list(uow.tenants)
        await self._load_bookings(connection, uow, contacts)
        for row in await connection.fetch(_LOCK_THREADS, contacts):
            uow.tenants[row["contact"]].threads.append(_thread(row))
        return uow

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

    async def _load_bookings(self, connection: Connection, uow: UnitOfWork, contacts: Sequence[str]) -> None:
        for row in await connection.fetch(_SEE_BOOKINGS, contacts):
            booking = BOOKINGS.read(row)
            uow.known_bookings[booking.id] = booking
            uow.tenants[booking.contact].bookings[booking.id] = booking

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """Write what changed, each table in one sorted order; what is new is returned, to go with the outbox.

        Raises:
            Conflict: where somebody else opened the same thread first; so do the statements, also for a message.
        """
        outdated_at = now if self._keeps_conversations else None

        def due(thread: Thread) -> datetime | None:
            return outdated_at if _is_the_providers(thread) else None

        everybody = uow.everybody
        if uow.new_subscribers:
            pairs = sorted(uow.new_subscribers.items())
            await connection.execute(_SAVE_SUBSCRIBERS, *map(list, zip(*pairs, strict=True)))
        statements = []
        heard = [booking for tenant in everybody for booking in tenant.bookings.values()]
        if fresh := [booking for booking in heard if uow.known_bookings.get(booking.id) != booking]:
            statements.append(BOOKINGS.insert(sorted(fresh, key=attrgetter("id"))))
        threads = sorted((thread for tenant in everybody for thread in tenant.threads), key=attrgetter("id"))
        if changed := [thread for thread in threads if thread.changed and not thread.is_new]:
            # At once: a new thread may take the apartment that one of these gives up.
            await execute_together(connection, [THREADS.update(changed, errand_due_at=due)])
        if new := sorted((thread for thread in threads if thread.is_new), key=_unique):
            statements.append(THREADS.insert(new, errand_due_at=due))
        if uow.new_messages:
            stored = sorted(uow.new_messages, key=attrgetter("key"))
            statements.append(MESSAGES.insert(stored, sender=lambda one: sender_of(one.message, self._region)))
        return statements


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
    """The thread in a row."""
    apartment = Apartment(row["property_id"], row["room"]) if row["room"] is not None else None
    return THREADS.read(row, apartment=apartment, is_new=False)


def _is_the_providers(thread: Thread) -> bool:
    """Whether the provider must hear of it: a subscriber's thread has no conversation there."""
    return (thread.provider_outdated or thread.is_new) and is_phone(thread.contact)
