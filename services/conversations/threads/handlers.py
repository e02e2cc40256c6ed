"""Handlers: messages are stored in threads, and threads are linked to bookings."""

from __future__ import annotations

from datetime import datetime

from services.conversations.threads.rules import Tenant, Thread
from services.conversations.unit_of_work import BookingEvent, UnitOfWork, booking_of, contacts_of, key_of
from shared.contracts.booking import BookingConfirmed
from shared.contracts.conversations import Author, ChatMessage, ConversationLinked, GuestWrote
from shared.messages.message import Message


def chat_message(uow: UnitOfWork, message: ChatMessage, now: datetime) -> list[Message]:
    """Store a message in the thread of the booking that fits its time, and announce when the tenant wrote.

    A repeated message changes nothing.
    """
    tenant = uow.tenant(contacts_of(message, uow.region, uow.conversations), now)
    if tenant is None or key_of(message) in uow.known_messages:
        return []
    uow.store(_thread_of(uow, message, tenant, now), message, now)
    if message.author is not Author.TENANT:
        return []
    return [GuestWrote(contact=message.contact, channel=message.channel, at=min(message.sent_at, now))]


def _thread_of(uow: UnitOfWork, message: ChatMessage, tenant: Tenant, now: datetime) -> Thread:
    """The thread of a message: by booking for a tenant's, by the provider's conversation for the staff's."""
    moment, conversation = message.sent_at, message.provider_thread_id
    if message.author is not Author.TENANT:
        thread_there = tenant.answer_in(conversation, moment, now) if conversation else None
        return thread_there or tenant.receive(None, moment, now)
    thread = tenant.receive(message.name, moment, now)
    if conversation and not thread.provider_thread_id and conversation not in uow.conversations:
        thread.set_provider_id(conversation)
        uow.conversations[conversation] = tenant.contact
    return thread


def booking_confirmed(uow: UnitOfWork, message: BookingConfirmed, now: datetime) -> list[Message]:
    """Link the guest's threads to the booking, and tell the saga which ones."""
    tenant = uow.tenant(contacts_of(message, uow.region), now)
    if tenant is None:
        return [ConversationLinked(booking_id=message.booking_id)]
    booking = booking_of(message, tenant)
    threads = tenant.add_booking(booking, now)
    return [ConversationLinked(booking_id=message.booking_id, threads=tuple(thread.id for thread in threads))]


def booking_changed(uow: UnitOfWork, message: BookingEvent, now: datetime) -> list[Message]:
    """Link the guest's threads anew after a booking has changed or ended; messages stay in their threads.

    An end that arrives before its booking is stored.
    """
    tenant = uow.tenant(contacts_of(message, uow.region), now)
    if tenant is None:
        return []
    tenant.add_booking(booking_of(message, tenant), now)
    return []
