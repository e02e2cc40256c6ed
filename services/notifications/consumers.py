"""Which message goes to which handler."""

from __future__ import annotations

from services.notifications import handlers
from services.notifications.repository import Repository, World
from shared.contracts.booking import BookingConfirmed, BookingFailed, BookingRefused, PaymentSearchStarted
from shared.contracts.notifications import StaffAlerted
from shared.contracts.topics import BOOKING_EVENTS, NOTIFICATIONS_EVENTS, internal
from shared.routes import Routes


def routes(repository: Repository) -> Routes[World]:
    """Every message that notifications handles."""
    table = Routes("notifications", (BOOKING_EVENTS, NOTIFICATIONS_EVENTS, internal("notifications")), repository)
    table.on(BookingConfirmed, handlers.booking_confirmed)
    table.on(BookingRefused, handlers.booking_refused)
    table.on(BookingFailed, handlers.booking_failed)
    table.on(PaymentSearchStarted, handlers.payment_search_started)
    table.on(StaffAlerted, handlers.staff_alerted)
    return table
