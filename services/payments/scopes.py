"""Whose a request to payments is."""

from __future__ import annotations

from shared.auth.scopes import ALL_PROPERTIES, PROPERTY, Owner, Scopes, about

_BOOKING = "SELECT property_id FROM payment_requests WHERE booking_id = $1"
# A payment is a property's own by its feed, or by the bookings that it ever served; else it is the installation's.
_PAYMENT = """
SELECT nullif(property_id, '') FROM payments WHERE id = $1 AND (property_id <> '' OR NOT EXISTS (
    SELECT FROM ledger WHERE payment_id = $1 AND booking_id IS NOT NULL))
UNION
SELECT r.property_id FROM ledger AS l JOIN payment_requests AS r USING (booking_id) WHERE l.payment_id = $1"""
_OF_BOOKING = about("booking_id")
_OF_PAYMENT = about("payment_id")

SCOPES = Scopes(
    owners={"booking_id": Owner("booking", _BOOKING), "payment_id": Owner("payment", _PAYMENT)},
    rules={
        "GET /payments/audit": ALL_PROPERTIES,
        "GET /payments/flat": ALL_PROPERTIES,
        "GET /payment-requests/waiting": ALL_PROPERTIES,
        "GET /payments/{payment_id}": _OF_PAYMENT,
        "GET /payments/{payment_id}/entries": _OF_PAYMENT,
        "GET /bookings/{booking_id}/payments": _OF_BOOKING,
        "GET /payment-cases": about(PROPERTY),
        "GET /bookings/{booking_id}/payment-case": _OF_BOOKING,
        "POST /bookings/{booking_id}/payment-case/choice": about("booking_id", beside=["payment_id"]),
        "POST /bookings/{booking_id}/payment-case/refusal": _OF_BOOKING,
        "POST /bookings/{booking_id}/payment-case/frustration": _OF_BOOKING,
        "POST /bookings/{booking_id}/payment-case/withdrawal": _OF_BOOKING,
        "GET /bookings/{booking_id}/balance": _OF_BOOKING,
        "POST /bookings/{booking_id}/payments": about("booking_id", free=["payment_id"]),
        "POST /bookings/{booking_id}/charges": about("booking_id", free=["charge_id"]),
        "POST /bookings/{booking_id}/charges/{charge_id}/reversal": about("booking_id", free=["charge_id"]),
        "GET /refunds": about(PROPERTY),
        "POST /payments/{payment_id}/refunds/{refund_id}/handout": about("payment_id", free=["refund_id"]),
        "POST /payments/{payment_id}/refunds": about("payment_id", "booking_id", free=["refund_id"]),
        "POST /payments/verify": about(PROPERTY, free=["request_id", "wa_id", "subscriber_id"]),
        "POST /payment-orders": about(PROPERTY, free=["order_id"]),
        "GET /payment-feeds": ALL_PROPERTIES,  # a feed brings money of any property
        "GET /payment-feeds/broken-lines": ALL_PROPERTIES,
        "POST /payment-feeds/broken-lines": ALL_PROPERTIES,
        "POST /payment-feeds/broken-lines/{line_id}/correction": ALL_PROPERTIES,
        "POST /payment-feeds/files": ALL_PROPERTIES,
        "POST /payment-feeds/intake": ALL_PROPERTIES,
        "POST /payment-feeds/synchronise": ALL_PROPERTIES,
        "POST /payment-feeds/compare": ALL_PROPERTIES,
        "POST /payments/known": ALL_PROPERTIES,
    },
)
