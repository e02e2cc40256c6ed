"""What conversations does: puts messages into threads, and links threads to bookings."""

from __future__ import annotations

from datetime import datetime

from services.conversations.threads.rules import Tenant, Thread
from services.conversations.unit_of_work import Told, UnitOfWork, booking_of, contacts_of, key_of
from shared.contracts.booking import BookingConfirmed
from shared.contracts.conversations import Author, ChatMessage, ConversationLinked, GuestWrote
from shared.messages.message import Message


def chat_message(uow: UnitOfWork, message: ChatMessage, now: datetime) -> list[Message]:
    """Keep a message in the thread of the booking that fits its day, and tell when its tenant wrote.

    A repetition changes nothing.
    """
    tenant = uow.tenant(contacts_of(message, uow.place, uow.conversations), now)
    if tenant is None or key_of(message) in uow.known_messages:
        return []
    uow.store(_thread_of(uow, message, tenant, now), message, now)
    if message.author is not Author.TENANT:
        return []
    return [GuestWrote(contact=message.contact, channel=message.channel, at=min(message.sent_at, now))]


def _thread_of(uow: UnitOfWork, message: ChatMessage, tenant: Tenant, now: datetime) -> Thread:
    """A tenant's message belongs to its booking's thread, what staff write at the provider to where they write it."""
    moment, conversation = message.sent_at, message.provider_thread_id
    if message.author is not Author.TENANT:
        there = tenant.answer_in(conversation, moment, now) if conversation else None
        return there or tenant.receive(None, moment, now)
    thread = tenant.receive(message.name, moment, now)
    if conversation and not thread.provider_thread_id and conversation not in uow.conversations:
        thread.known_as(conversation)
        uow.conversations[conversation] = tenant.contact
    return thread


def booking_confirmed(uow: UnitOfWork, message: BookingConfirmed, now: datetime) -> list[Message]:
    """Let the guest's threads know the booking, and the saga which ones do."""
    tenant = uow.tenant(contacts_of(message, uow.place), now)
    if tenant is None:
        return [ConversationLinked(booking_id=message.booking_id)]
    booking = booking_of(message, tenant)
    threads = tenant.confirm(booking, now)
    return [ConversationLinked(booking_id=message.booking_id, threads=tuple(thread.id for thread in threads))]


def booking_changed(uow: UnitOfWork, message: Told, now: datetime) -> list[Message]:
    """Let the guest's threads follow a booking that changed or is off; messages stay where they are.

    An end that is heard of first waits for its booking.
    """
    tenant = uow.tenant(contacts_of(message, uow.place), now)
    if tenant is None:
        return []
    tenant.confirm(booking_of(message, tenant), now)
    return []
