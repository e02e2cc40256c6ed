"""Every older name of a field in requests, counts, quotes and questions, and the flat form of a booking request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.messages.incoming import fill, is_blank, renamed

_DATES: Final = {"check_in_date": "check_in", "check_out_date": "check_out"}
_LISTS: Final = {"room_bookings": "rooms", "bookings": "rooms"}
REQUEST: Final = {
    **_DATES,
    **_LISTS,
    "package_type": "package",
    "customer_instructions": "instructions",
    "excluded_rooms": "avoid_rooms",
}
COUNT: Final = {**_DATES, "room_requests": "wanted"}
QUOTE: Final = {**_DATES, **_LISTS, "package_type": "package"}
VERIFICATION: Final = {
    "payer_name": "payer",
    "payment_maker_name": "payer",
    "transfer_reference": "reference",
    "payment_amount": "booking_amount",
}
TYPE: Final = {"bungalow_type": "type", "room_type": "type"}
ROOM: Final = {**TYPE, "children_0_5": "children_0_to_5", "children_6_10": "children_6_to_10"}
GUEST: Final = {
    "customer_name": "name",
    "customer_email": "email",
    "phone_number": "phone",
    "dui_passport": "document",
}
PAYMENT: Final = {
    "payment_method": "method",
    "payment_amount": "amount",
    "payer_name": "payer",
    "payment_maker_name": "payer",
    "transfer_reference": "reference",
    "transfer_id": "payment_id",
}
# Fields of a group beside the others of a request, under which names: the flat form.
FLAT: Final[Mapping[str, Mapping[str, str]]] = {
    "guest": GUEST | {name: name for name in ("name", "email", "phone", "city", "document", "nationality")},
    "payment": PAYMENT
    | {name: name for name in ("payer", "reference", "slip_date", "slip_amount", "authorization_number", "payment_id")},
    "contact": {name: name for name in ("wa_id", "subscriber_id", "channel")},
}
_ROOM_FIELDS: Final = ("type", "adults", "children_0_to_5", "children_6_to_10", "extra_beds", "extra_beds_cost")
FLAT_ROOM: Final = (*_ROOM_FIELDS, *ROOM)

_METHODS: Final = {"Depósito BAC": "bank_transfer", "Deposito BAC": "bank_transfer", "CompraClick": "card_link"}
METHODS: Final[Mapping[str, str]] = _METHODS
CHANNELS: Final[Mapping[str, str]] = {"facebook": "messenger", "wati": "whatsapp"}


def normalize(given: Any) -> Any:
    """Today's form of a booking request in older ones; anything but an object is returned unchanged.

    Flat fields beside a nested guest, payment or contact fill what it lacks. A list of rooms, under any of its names,
    goes before the flat fields of a single room, which are left where they are then.

    Raises:
        pydantic.ValidationError: where two names of one field say different things.
    """
    if not isinstance(given, Mapping):
        return given
    request = renamed(given, REQUEST)
    for group, names in FLAT.items():
        _gather(request, group, names)
    if is_blank(request.get("rooms")) and any(not is_blank(request.get(name)) for name in ("type", *TYPE)):
        request["rooms"] = [renamed({name: request.pop(name) for name in FLAT_ROOM if name in request}, ROOM)]
    return request


def _gather(request: dict[str, Any], group: str, names: Mapping[str, str]) -> None:
    """Move flat fields into their group; beside one that is no object they are left, as it is refused."""
    flat = [(name, request[name]) for name in names if name in request]
    named = request.get(group)
    if not flat or not (is_blank(named) or isinstance(named, Mapping)):
        return
    fields = renamed(named or {}, {old: new for old, new in names.items() if old != new})
    for name, value in flat:
        fill(fields, names[name], value, name)
        del request[name]
    request[group] = fields


def ignored_names(given: Any, known: frozenset[str], parts: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """The names in a request, and in its `parts` by their fields, that nobody knows; of a part as `rooms.0.view`."""
    if not isinstance(given, Mapping):
        return
    yield from (str(name)[:100] for name in given if name not in known)
    for field, names in parts.items():
        part = given.get(field)
        listed = enumerate(part) if isinstance(part, list | tuple) else [("", part)]
        for place, one in listed:
            path = f"{field}." if place == "" else f"{field}.{place}."
            if isinstance(one, Mapping):
                yield from (f"{path}{name}"[:100] for name in one if name not in names)
