"""Kafka to handler: what booking listens to."""

from __future__ import annotations

from typing import Any

from services.booking import sagas
from services.booking.lifecycle import ends
from services.booking.lifecycle import handlers as staff_handlers
from services.booking.repository import Repository
from services.booking.requests import handlers
from services.booking.requests.malformed import read_invalid
from services.booking.unit_of_work import UnitOfWork
from shared.consumer.routing import Routes
from shared.contracts import topics
from shared.contracts.availability import HoldExpired
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
from shared.contracts.payments import FolioChanged


def routes(repository: Repository) -> Routes[UnitOfWork]:
    """Every message that booking handles; replies are those that its sagas can get."""
    listens_to = (topics.BOOKING_REQUESTS, topics.BOOKING_REPLIES, topics.internal("booking"))
    table: Routes[Any] = Routes("booking", listens_to, repository, for_invalid=read_invalid)

    table.on(BookingRequested, handlers.request_booking, repeats=True)
    table.on(RequestInvalid, handlers.refuse_invalid, repeats=True)
    table.on(HoldExpired, handlers.take_expiry)

    for reply in sorted(sagas.REPLIES, key=lambda reply: reply.type_name):
        table.on(reply, sagas.take_reply)
    table.on(SagaDue, sagas.wake_saga)
    table.on(ChangeDue, sagas.wake_saga)

    table.on(CancelBooking, ends.cancel_booking)
    table.on(MarkNoShow, ends.mark_no_show)
    table.on(RejectBooking, staff_handlers.reject_booking)
    table.on(CheckIn, staff_handlers.check_in)
    table.on(CheckOut, staff_handlers.check_out)
    table.on(ChangeDates, staff_handlers.change_dates)
    table.on(FolioChanged, staff_handlers.take_folio)
    return table
