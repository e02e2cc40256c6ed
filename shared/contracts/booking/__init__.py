"""Booking's messages: the request of a gateway, the steps on the way, and the one outcome."""

from __future__ import annotations

from shared.contracts.booking.outcomes import (
    STEPS,
    URGENT_STEPS,
    BookedRoom,
    BookingConfirmed,
    BookingFailed,
    BookingProgressed,
    BookingRefused,
    MissedRoom,
    Outcome,
    PaymentSearchStarted,
    PropertyFacts,
    SagaDue,
)
from shared.contracts.booking.requests import (
    PAYMENT_ID,
    BookingRequested,
    Guest,
    RequestedPayment,
    RequestedRoom,
    RequestFacts,
    RequestingGuest,
    RequestInvalid,
    booking_id_of,
)
from shared.contracts.contact import Contact

__all__ = [
    "PAYMENT_ID",
    "STEPS",
    "URGENT_STEPS",
    "BookedRoom",
    "BookingConfirmed",
    "BookingFailed",
    "BookingProgressed",
    "BookingRefused",
    "BookingRequested",
    "Contact",
    "Guest",
    "MissedRoom",
    "Outcome",
    "PaymentSearchStarted",
    "PropertyFacts",
    "RequestFacts",
    "RequestInvalid",
    "RequestedPayment",
    "RequestedRoom",
    "RequestingGuest",
    "SagaDue",
    "booking_id_of",
]
