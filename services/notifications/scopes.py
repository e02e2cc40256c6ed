"""Whose a request to notifications is."""

from __future__ import annotations

from shared.auth.scopes import COMMON, Owner, Scopes, about

_BOOKING = "SELECT DISTINCT property_id FROM deliveries WHERE booking_id = $1"
_OF_BOOKING = about("booking_id")

SCOPES = Scopes(
    owners={"booking_id": Owner("booking", _BOOKING)},
    rules={
        "GET /deliveries": _OF_BOOKING,
        "GET /outbox": _OF_BOOKING,
        "GET /rates": COMMON,
        "GET /previews/{language}/{event}": COMMON,
    },
)
