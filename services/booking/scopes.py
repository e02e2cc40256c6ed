"""Whose a request to booking is."""

from __future__ import annotations

from shared.auth.scopes import PROPERTY, Owner, Scopes, about
from shared.contracts.booking import booking_id_of

_BOOKING = "SELECT property_id FROM bookings WHERE id = $1"
_COMMAND = "SELECT b.property_id FROM commands c JOIN bookings b ON b.id = c.booking_id WHERE c.id = $1"
_OF_BOOKING = about("booking_id")
_COMMANDED = about("booking_id", free=["command_id"])

SCOPES = Scopes(
    owners={
        "booking_id": Owner("booking", _BOOKING),
        "request_id": Owner("booking", _BOOKING, booking_id_of),
        "command_id": Owner("command", _COMMAND),
    },
    rules={
        "GET /bookings": about(PROPERTY),
        "GET /bookings/{booking_id}": _OF_BOOKING,
        "GET /bookings/{booking_id}/cancellation-fee": _OF_BOOKING,
        "GET /requests/{request_id}": about("request_id"),
        "GET /commands/{command_id}": about("command_id"),
        "POST /bookings/{booking_id}/cancellation": _COMMANDED,
        "POST /bookings/{booking_id}/no-show": _COMMANDED,
        "POST /bookings/{booking_id}/rejection": _COMMANDED,
        "POST /bookings/{booking_id}/check-in": _COMMANDED,
        "POST /bookings/{booking_id}/check-out": _COMMANDED,
        "POST /bookings/{booking_id}/dates": _COMMANDED,
    },
)
