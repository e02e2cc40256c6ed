"""A booking as it is recorded: its states, its stays, what it costs to cancel it, and the audit log."""

from __future__ import annotations

from services.booking.record.audit_log import Action, Entry, changes_between
from services.booking.record.booking import Booking, BookingRow, Stay
from services.booking.record.cancellation_fee import NOTHING, CancellationTerms
from services.booking.record.checks import check_came_late, check_dates, check_may_change
from services.booking.record.rows import AUDIT_LOG, BOOKINGS, CONFIRMED, STAYS, balance_of
from services.booking.record.states import OFF, Status, StayStatus, check_follows
from services.booking.record.texts import TEXTS, day_text, policy_text

__all__ = [
    "AUDIT_LOG",
    "BOOKINGS",
    "CONFIRMED",
    "NOTHING",
    "OFF",
    "STAYS",
    "TEXTS",
    "Action",
    "Booking",
    "BookingRow",
    "CancellationTerms",
    "Entry",
    "Status",
    "Stay",
    "StayStatus",
    "balance_of",
    "changes_between",
    "check_came_late",
    "check_dates",
    "check_follows",
    "check_may_change",
    "day_text",
    "policy_text",
]
