"""Converts older names of fields in a booking request, and the flat form for one room, to today's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REQUEST = {"check_in_date": "check_in", "check_out_date": "check_out", "package_type": "package"}
_ROOM = {
    "bungalow_type": "type",
    "room_type": "type",
    "children_0_5": "children_0_to_5",
    "children_6_10": "children_6_to_10",
}
_ROOM_FIELDS = ("type", "adults", "children_0_to_5", "children_6_to_10", "extra_beds", "extra_beds_cost")
_LISTS = ("rooms", "room_bookings", "bookings")
_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "guest": {
        "name": ("customer_name", "name"),
        "email": ("email", "customer_email"),
        "phone": ("phone", "phone_number"),
        "city": ("city",),
        "document": ("document", "dui_passport"),
        "nationality": ("nationality",),
    },
    "payment": {
        "method": ("payment_method",),
        "amount": ("payment_amount",),
        "payer": ("payer", "payer_name"),
        "reference": ("reference", "transfer_reference"),
        "slip_date": ("slip_date",),
        "slip_amount": ("slip_amount",),
        "authorization_number": ("authorization_number",),
    },
    "contact": {
        "wa_id": ("wa_id",),
        "subscriber_id": ("subscriber_id",),
        "channel": ("channel",),
    },
}


def normalize(given: Any) -> Any:
    """Today's form of a request with older names; anything but an object is returned unchanged.

    A list of rooms, under any of its names, goes before the flat fields of a single room. Flat fields beside a nested
    guest, payment or contact fill what it lacks. Unknown fields, such as `force_process`, are left; validation ignores
    them.
    """
    if not isinstance(given, Mapping):
        return given
    request = _renamed(given, _REQUEST)
    for group, fields in _GROUPS.items():
        named, flat = request.get(group), _gathered(request, fields)
        if flat and (named is None or isinstance(named, Mapping)):
            request[group] = flat | {name: value for name, value in (named or {}).items() if value is not None}
    rooms = next((request[name] for name in _LISTS if name in request), None)
    if rooms is None and (single := _single_room(request)):
        rooms = [single]
    if isinstance(rooms, list | tuple):
        request["rooms"] = [_renamed(room, _ROOM) if isinstance(room, Mapping) else room for room in rooms]
    elif rooms is not None:
        request["rooms"] = rooms
    return request


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    renamed = {names.get(name, name): value for name, value in given.items() if name in names}
    return renamed | {name: value for name, value in given.items() if name not in names}


def _gathered(given: Mapping[str, Any], fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    found = {new: next((given[old] for old in olds if old in given), None) for new, olds in fields.items()}
    return {name: value for name, value in found.items() if value is not None}


def _single_room(given: Mapping[str, Any]) -> dict[str, Any]:
    flat = _renamed(given, _ROOM)
    return {name: flat[name] for name in _ROOM_FIELDS if name in flat} if "type" in flat else {}
