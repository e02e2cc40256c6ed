"""Kafka to handler: what booking listens to."""

from __future__ import annotations

from typing import Any

from services.booking import sagas as replies
from services.booking.lifecycle import handlers as life_handlers
from services.booking.repository import Repository
from services.booking.requests import handlers
from services.booking.requests.invalid import read_invalid
from services.booking.unit_of_work import UnitOfWork
from shared.consumer.routing import Routes
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
from shared.contracts.booking.staff import (
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


def routes(repository: Repository) -> Routes[UnitOfWork]:
    """Every message that booking handles."""
    listens_to = (topics.BOOKING_REQUESTS, topics.BOOKING_REPLIES, topics.internal("booking"))
    table: Routes[Any] = Routes("booking", listens_to, repository, for_invalid=read_invalid)

    # A booking comes about.
    table.on(BookingRequested, handlers.request_booking, repeats=True)
    table.on(RequestInvalid, handlers.refuse_invalid, repeats=True)
    table.on(RoomsHeld, handlers.take_rooms)
    table.on(RoomsNotHeld, handlers.take_reply)
    table.on(PaymentReserved, handlers.take_payment)
    table.on(PaymentAwaited, handlers.take_reply)
    table.on(PaymentRefused, handlers.take_reply)
    table.on(RoomsOrdered, handlers.take_reply)
    table.on(RoomsNotOrdered, handlers.take_reply)
    table.on(RoomsBooked, handlers.take_reply)
    table.on(PaymentCaptured, handlers.take_reply)
    table.on(GuestNotified, handlers.take_reply)
    table.on(ConversationLinked, handlers.take_reply)
    table.on(RoomsFreed, handlers.take_reply)
    table.on(PaymentReleased, handlers.take_reply)
    table.on(HoldExpired, handlers.take_expiry)
    table.on(SagaDue, handlers.wake_saga)

    # Its life.
    table.on(CancelBooking, life_handlers.cancel_booking)
    table.on(MarkNoShow, life_handlers.mark_no_show)
    table.on(RejectBooking, life_handlers.reject_booking)
    table.on(CheckIn, life_handlers.check_in)
    table.on(CheckOut, life_handlers.check_out)
    table.on(ChangeDates, life_handlers.change_dates)
    table.on(RoomsChanged, replies.take_reply)
    table.on(RoomsNotChanged, replies.take_reply)
    table.on(ChangeKept, replies.take_reply)
    table.on(ChangeDropped, replies.take_reply)
    table.on(BookingRepriced, replies.take_reply)
    table.on(FolioChanged, replies.take_folio)
    table.on(ChangeDue, replies.wake_change)

    # Either: what was undone before the decision, or given back after it.
    table.on(RoomsReleased, replies.take_reply)
    table.on(OrdersCancelled, replies.take_reply)
    return table
