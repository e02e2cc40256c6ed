"""Kafka to handler: what booking listens to."""

from __future__ import annotations

from typing import Any

from services.booking import handlers
from services.booking.invalid import read_invalid
from services.booking.repository import Repository
from services.booking.world import Bookings
from shared.contracts import topics
from shared.contracts.availability import (
    HoldExpired,
    OrdersCancelled,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
)
from shared.contracts.booking import BookingRequested, RequestInvalid, SagaDue
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified
from shared.contracts.payments import (
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
)
from shared.messages import Message
from shared.routes import Routes

REPLIES: tuple[type[Message], ...] = (
    RoomsNotHeld,
    RoomsOrdered,
    RoomsNotOrdered,
    OrdersCancelled,
    RoomsBooked,
    RoomsReleased,
    RoomsFreed,
    PaymentAwaited,
    PaymentRefused,
    PaymentCaptured,
    PaymentReleased,
    GuestNotified,
    ConversationLinked,
)


def routes(repository: Repository) -> Routes[Bookings]:
    """Every message that booking handles."""
    listens_to = (topics.BOOKING_REQUESTS, topics.BOOKING_REPLIES, topics.internal("booking"))
    table: Routes[Any] = Routes("booking", listens_to, repository, for_invalid=read_invalid)
    table.on(BookingRequested, handlers.request_booking, repeats=True)
    table.on(RequestInvalid, handlers.refuse_invalid, repeats=True)
    for reply in REPLIES:
        table.on(reply, handlers.take_reply)
    table.on(RoomsHeld, handlers.take_rooms)
    table.on(PaymentReserved, handlers.take_payment)
    table.on(HoldExpired, handlers.take_expiry)
    table.on(SagaDue, handlers.wake_saga)
    return table
