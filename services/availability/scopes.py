"""Whose a request to availability is."""

from __future__ import annotations

from services.availability.catalogue.model import BY_KIND
from shared.auth.scopes import ALL_PROPERTIES, PROPERTY, Owner, Scopes, about

_BOOKING = """
SELECT property_id FROM holds WHERE booking_id = $1
UNION
SELECT property_id FROM outside_errands WHERE booking_id = $1"""
_IN_PROPERTY = about(PROPERTY)
_OF_BOOKING = about("booking_id")

SCOPES = Scopes(
    owners={"booking_id": Owner("booking", _BOOKING)},
    rules={
        "GET /properties/{property_id}/availability": _IN_PROPERTY,
        "POST /properties/{property_id}/quote": _IN_PROPERTY,
        "GET /holds/{booking_id}": _OF_BOOKING,
        "GET /catalogue/export": _IN_PROPERTY,
        "POST /catalogue/import": ALL_PROPERTIES,  # its lines name any property
        "PUT /catalogue/capacity/{property_id}": _IN_PROPERTY,
        **{f"{method} /catalogue/{kind}": _IN_PROPERTY for kind in BY_KIND for method in ("GET", "PUT", "DELETE")},
        "GET /outside-errands": _IN_PROPERTY,
        "POST /outside-errands/{booking_id}/retry": _OF_BOOKING,
        "DELETE /outside-errands/{booking_id}": _OF_BOOKING,
    },
)
