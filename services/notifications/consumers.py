"""Which message goes to which handler."""

from __future__ import annotations

from services.notifications.events import handlers
from services.notifications.repository import Repository
from services.notifications.unit_of_work import UnitOfWork
from shared.consumer.routing import Routes
from shared.contracts.booking import BookingConfirmed, BookingFailed, BookingRefused, PaymentSearchStarted
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    BookingModified,
    CancellationDecided,
    GuestCheckedIn,
    GuestCheckedOut,
    GuestNotShown,
    NextSessionDue,
    PaymentEscalated,
)
from shared.contracts.conversations import GuestWrote
from shared.contracts.notifications import DeliveryRateFell, ReminderDue, StaffAlerted
from shared.contracts.topics import BOOKING_EVENTS, NOTIFICATIONS_EVENTS, internal


def routes(repository: Repository) -> Routes[UnitOfWork]:
    """Every message that notifications handles."""
    topics = (BOOKING_EVENTS, NOTIFICATIONS_EVENTS, internal("notifications"))
    table = Routes("notifications", topics, repository)
    table.on(BookingConfirmed, handlers.booking_confirmed)
    table.on(BookingRefused, handlers.booking_refused)
    table.on(BookingFailed, handlers.booking_failed)
    table.on(PaymentSearchStarted, handlers.payment_search_started)
    table.on(PaymentEscalated, handlers.payment_escalated)
    table.on(BookingModified, handlers.booking_modified)
    table.on(CancellationDecided, handlers.cancellation_decided)
    table.on(BookingCancelled, handlers.booking_cancelled)
    table.on(GuestNotShown, handlers.guest_not_shown)
    table.on(GuestCheckedIn, handlers.guest_checked_in)
    table.on(GuestCheckedOut, handlers.guest_checked_out)
    table.on(NextSessionDue, handlers.next_session_due)
    table.on(ReminderDue, handlers.reminder_due)
    table.on(GuestWrote, handlers.guest_wrote)
    table.on(StaffAlerted, handlers.staff_alerted)
    table.on(DeliveryRateFell, handlers.delivery_rate_fell)
    return table
