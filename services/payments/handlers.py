"""What payments does, one function for each message: (unit of work, message, now) gives the messages to send."""

from __future__ import annotations

from services.payments.cases.handlers import choose_transfer, decline_payment
from services.payments.folio.handlers import add_charge, record_payment, refund_payment
from services.payments.folio.price_handlers import reprice_booking
from services.payments.requests.handlers import capture_payment, release_payment, reserve_payment
from services.payments.requests.queries import verification_invalid, verify_payment
from services.payments.requests.search_handlers import (
    mark_frustrated,
    search_due,
    staff_due,
    transfer_arrived,
    withdraw_payment,
)

__all__ = [
    "add_charge",
    "capture_payment",
    "choose_transfer",
    "decline_payment",
    "mark_frustrated",
    "record_payment",
    "refund_payment",
    "release_payment",
    "reprice_booking",
    "reserve_payment",
    "search_due",
    "staff_due",
    "transfer_arrived",
    "verification_invalid",
    "verify_payment",
    "withdraw_payment",
]
