"""Kafka to handler: what booking listens to."""

from __future__ import annotations

from typing import Any

from services.booking import handlers, life_handlers, life_replies
from services.booking.invalid import read_invalid
from services.booking.repository import Repository
from services.booking.world import Bookings
from shared.contracts import topics
from shared.contracts.availability import (
    ChangeDropped,
    ChangeKept,
    HoldExpired,
    OrdersCancelled,
    RoomsBooked,
    RoomsChanged,
    RoomsFreed,
    RoomsHeld,
    RoomsNotChanged,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
)
from shared.contracts.booking import BookingRequested, RequestInvalid, SagaDue
from shared.contracts.booking_staff import (
    CancelBooking,
    ChangeDates,
    ChangeDue,
    CheckIn,
    CheckOut,
    MarkNoShow,
    RejectBooking,
)
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified
from shared.contracts.payments import (
    BookingRepriced,
    FolioChanged,
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

# What becomes of a confirmed booking waits for these; its own saga before that for the first two.
LIFE: tuple[type[Message], ...] = (
    RoomsReleased,
    OrdersCancelled,
    RoomsChanged,
    RoomsNotChanged,
    ChangeKept,
    ChangeDropped,
    BookingRepriced,
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
    for reply in LIFE:
        table.on(reply, life_replies.take_reply)
    table.on(CancelBooking, life_handlers.cancel_booking)
    table.on(MarkNoShow, life_handlers.mark_no_show)
    table.on(RejectBooking, life_handlers.reject_booking)
    table.on(CheckIn, life_handlers.check_in)
    table.on(CheckOut, life_handlers.check_out)
    table.on(ChangeDates, life_handlers.change_dates)
    table.on(FolioChanged, life_replies.take_folio)
    table.on(ChangeDue, life_replies.wake_change)
    table.on(PaymentReserved, handlers.take_payment)
    table.on(HoldExpired, handlers.take_expiry)
    table.on(SagaDue, handlers.wake_saga)
    return table
