"""The only queries of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zlib import crc32

import asyncpg

from services.conversations import repository_sql as sql
from services.conversations.threads.contacts import Contacts, is_phone
from services.conversations.threads.rules import Tenant
from services.conversations.unit_of_work import (
    BookingEvent,
    MessageKey,
    PhoneRegion,
    UnitOfWork,
    all_contacts,
    contacts_of,
    key_of,
)
from shared.contracts.conversations import ChatMessage
from shared.database.pool import Connection
from shared.errors import Conflict
from shared.messages.message import Message

LOCK_SPACE = 5  # the first half of our advisory locks
LOCK_BUCKETS = 1024  # bounds the locks of a large batch; two tenants in one bucket only wait for each other


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
        uow = await self._world(connection, writers, guests)
        uow.conversations = conversations
        if chats:
            uow.known_messages = await _known(connection, [key_of(message) for message in chats])
        return uow

    async def load_tenants(self, connection: Connection, contacts: Sequence[Contacts]) -> UnitOfWork:
        """These tenants, each to be alone with."""
        return await self._world(connection, [], contacts)

    async def _world(
        self, connection: Connection, writers: Sequence[Contacts], guests: Sequence[Contacts]
    ) -> UnitOfWork:
        uow = UnitOfWork(self._region)
        uow.tenants = await self._tenants(connection, writers, guests)
        contacts = list(uow.tenants)
        await self._load_bookings(connection, uow, contacts)
        for row in await connection.fetch(sql.THREADS, contacts):
            uow.tenants[row["contact"]].threads.append(sql.thread(row))
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
        for row in await connection.fetch(sql.BOOKINGS, contacts):
            booking = sql.booking(row)
            uow.known_bookings[booking.id] = booking
            uow.tenants[booking.contact].bookings[booking.id] = booking

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> None:
        """Write what changed, each table in one sorted order.

        Raises:
            Conflict: where somebody else opened the same thread or stored the same message first.
        """
        try:
            await self._save(connection, uow, now if self._keeps_conversations else None)
        except asyncpg.UniqueViolationError as rival:
            raise Conflict(f"{rival.constraint_name} was taken meanwhile") from rival

    async def _save(self, connection: Connection, uow: UnitOfWork, errand_at: datetime | None) -> None:
        everybody = uow.everybody
        if uow.new_subscribers:
            pairs = sorted(uow.new_subscribers.items())
            await connection.execute(sql.SAVE_SUBSCRIBERS, *map(list, zip(*pairs, strict=True)))
        heard = [booking for tenant in everybody for booking in tenant.bookings.values()]
        if fresh := [booking for booking in heard if uow.known_bookings.get(booking.id) != booking]:
            await connection.execute(sql.SAVE_BOOKINGS, *sql.booking_columns(fresh))
        threads = sorted((thread for tenant in everybody for thread in tenant.threads), key=lambda one: one.id)
        if changed := [thread for thread in threads if thread.changed and not thread.is_new]:
            await connection.execute(sql.CHANGE_THREADS, *sql.thread_columns(changed, errand_at))
        if new := sorted((thread for thread in threads if thread.is_new), key=sql.unique):
            await connection.execute(sql.ADD_THREADS, *sql.thread_columns(new, errand_at))
        if uow.new_messages:
            stored = sorted(uow.new_messages, key=lambda one: one.key)
            await connection.execute(sql.ADD_MESSAGES, *sql.message_columns(stored, self._region))


async def _conversations(connection: Connection, chats: Sequence[ChatMessage]) -> dict[str, str]:
    """The contacts behind those of the providers' conversations that are a thread's."""
    named = sorted({message.provider_thread_id for message in chats if message.provider_thread_id})
    if not named:
        return {}
    return {row["provider_thread_id"]: row["contact"] for row in await connection.fetch(sql.CONVERSATIONS, named)}


async def _phones(connection: Connection, contacts: Sequence[str]) -> dict[str, str]:
    """The phones of those subscribers whose phone is known."""
    subscribers = [contact for contact in contacts if not is_phone(contact)]
    if not subscribers:
        return {}
    return {row["subscriber_id"]: row["phone"] for row in await connection.fetch(sql.SUBSCRIBERS, subscribers)}


async def _lock(connection: Connection, contacts: set[str], alone: Sequence[str]) -> None:
    """Share the tenants with others, or be alone with them, in one sorted order so that rivals never deadlock."""
    alone_in = {_bucket(contact) for contact in alone}
    buckets = sorted({_bucket(contact) for contact in contacts})
    await connection.execute(sql.LOCK, LOCK_SPACE, buckets, [bucket in alone_in for bucket in buckets])


def _bucket(contact: str) -> int:
    return crc32(contact.encode()) % LOCK_BUCKETS


async def _known(connection: Connection, keys: Sequence[MessageKey]) -> set[MessageKey]:
    rows = await connection.fetch(sql.KNOWN_MESSAGES, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["channel"], row["message_id"]) for row in rows}
