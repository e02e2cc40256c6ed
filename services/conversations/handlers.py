"""What conversations does: puts messages into threads, and links threads to bookings."""

from __future__ import annotations

from datetime import datetime

from services.conversations.world import World, booking_of, contacts_of, key_of
from shared.contracts.booking import BookingConfirmed
from shared.contracts.conversations import Author, ChatMessage, ConversationLinked
from shared.messages import Message


def chat_message(world: World, message: ChatMessage, now: datetime) -> list[Message]:
    """Keep a message in the thread of the booking that fits today; a repetition changes nothing."""
    tenant = world.tenant(contacts_of(message, world.place), now)
    if tenant and key_of(message) not in world.known_messages:
        name = message.name if message.author is Author.TENANT else None
        thread = tenant.receive(name, message.sent_at, world.today(tenant, now), now)
        world.store(thread, message, now)
    return []


def booking_confirmed(world: World, message: BookingConfirmed, now: datetime) -> list[Message]:
    """Let the guest's threads know the booking, and the saga which ones do."""
    tenant = world.tenant(contacts_of(message, world.place), now)
    if tenant is None:
        return [ConversationLinked(booking_id=message.booking_id)]
    booking = booking_of(message, tenant)
    threads = tenant.confirm(booking, booking.day_of(now), now)
    return [ConversationLinked(booking_id=message.booking_id, threads=tuple(thread.id for thread in threads))]
