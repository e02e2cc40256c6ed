"""Which message goes to which handler."""

from __future__ import annotations

from services.conversations.repository import Repository
from services.conversations.threads import handlers
from services.conversations.unit_of_work import UnitOfWork
from shared.consumer.routing import Routes
from shared.contracts.booking import BookingConfirmed
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, CancellationDecided, GuestNotShown
from shared.contracts.conversations import ChatMessage
from shared.contracts.topics import BOOKING_EVENTS, CONVERSATIONS_MESSAGES, internal


def routes(repository: Repository) -> Routes[UnitOfWork]:
    """Every message that conversations handles."""
    table = Routes("conversations", (CONVERSATIONS_MESSAGES, BOOKING_EVENTS, internal("conversations")), repository)
    table.on(ChatMessage, handlers.chat_message)
    table.on(BookingConfirmed, handlers.booking_confirmed)
    table.on(BookingModified, handlers.booking_changed)
    table.on(CancellationDecided, handlers.booking_changed)
    table.on(BookingCancelled, handlers.booking_changed)
    table.on(GuestNotShown, handlers.booking_changed)
    return table
