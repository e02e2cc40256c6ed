"""What each operation of each service is asked with for one's own property: the table that a new operation joins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from shared.auth.scopes import is_id
from tests.support.builders.two_properties import KINDS, Names

Spelled = tuple[str, str]  # as it is, and as an address has it
Place = tuple[str | int, ...]  # where an id stands: path, query or body, then how to come to it


@dataclass(frozen=True, slots=True)
class Asked:
    """A request without the ids in its path, which are told by name; `text` is a body that is not JSON."""

    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)


STAY = {"check_in": "2030-03-01", "check_out": "2030-03-02"}
ID = "?"  # stands for an id of the name that it stands under
WHO = {"command_id": ID, "who": "Marta"}
DECIDED = {"staff": "Marta"}
MONEY = {"amount": "1.00", "currency": "USD"}
NOTHING = Asked()
IN_PROPERTY = Asked(query={"property_id": ID})
COMMAND = Asked(body=WHO)
DECIDING = Asked(body=DECIDED)
TRANSFER = {"transfer_id": ID, "property_id": ID, "posted_on": "2030-01-01", **MONEY}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "type": {"type": "hut"},
    "room": {"room": "hut 1"},
    "package": {"package": "las_hojas"},
    "rate": {"package": "las_hojas"},
    "supplement": {"package": "las_hojas", "name": "sauna"},
    "fee": {"name": "sauna"},
    "outside_word": {"about": "package", "ours": "las_hojas"},
}
RECORDS: Mapping[str, Mapping[str, Any]] = {
    "property": {
        "name": "Las Hojas",
        "timezone": "UTC",
        "currency": "USD",
        "tax_rate": "0.1",
        "prices_include_tax": True,
        "hold_minutes": 15,
        "is_default": True,
    },
    "type": {"type": "hut", "label": "Hut", "adults": 2, "guests": 2},
    "room": {"room": "hut 1", "type": "hut"},
    "package": {"package": "las_hojas", "name": "Las Hojas"},
    "rate": {"package": "las_hojas", "adult": "1", "child": "1", "extra_bed": "1"},
    "supplement": {"package": "las_hojas", "name": "sauna", "amount": "1", "unit": "room_stay"},
    "fee": {"name": "sauna", "amount": "1", "unit": "room_stay"},
    "outside": {"base_url": "https://pms.example"},
    "outside_word": {"about": "package", "ours": "las_hojas", "theirs": "Las Hojas"},
}
TABLE: Mapping[str, Mapping[str, Asked]] = {
    "availability": {
        "GET /properties/{property_id}/availability": Asked(query=STAY),
        "POST /properties/{property_id}/quote": Asked(body={**STAY, "rooms": [{"type": "Junior", "adults": 1}]}),
        "GET /holds/{booking_id}": NOTHING,
        "GET /catalogue/export": IN_PROPERTY,
        "POST /catalogue/import": Asked(text="record,property_id,name,amount,unit\nfee,elsewhere,canary,9,room_stay\n"),
        "PUT /catalogue/capacity/{property_id}": Asked(body={"type": "pasadia", "capacity": 9}),
        **{f"GET /catalogue/{kind}": IN_PROPERTY for kind in KINDS},
        **{f"PUT /catalogue/{kind}": Asked(body={"property_id": ID, **RECORDS[kind]}) for kind in KINDS},
        "GET /outside-errands": IN_PROPERTY,
        "POST /outside-errands/{booking_id}/retry": NOTHING,
        "DELETE /outside-errands/{booking_id}": NOTHING,
        **{
            f"DELETE /catalogue/{kind}": Asked(query={"property_id": ID, **KEYS.get(kind, {})})
            for kind in reversed(KINDS)
        },
    },
    "booking": {
        "GET /bookings": IN_PROPERTY,
        "GET /bookings/{booking_id}": NOTHING,
        "GET /bookings/{booking_id}/cancellation-fee": NOTHING,
        "GET /requests/{request_id}": NOTHING,
        "GET /commands/{command_id}": NOTHING,
        "POST /bookings/{booking_id}/cancellation": COMMAND,
        "POST /bookings/{booking_id}/no-show": COMMAND,
        "POST /bookings/{booking_id}/rejection": COMMAND,
        "POST /bookings/{booking_id}/check-in": COMMAND,
        "POST /bookings/{booking_id}/check-out": COMMAND,
        "POST /bookings/{booking_id}/dates": Asked(body={**WHO, **STAY}),
    },
    "conversations": {
        "GET /threads": Asked(query={"property_id": ID, "booking_id": ID}),
        "GET /threads/{thread_id}": NOTHING,
        "GET /threads/{thread_id}/messages": NOTHING,
        "PUT /threads/{thread_id}/read": Asked(body={"number": 1}),
        "GET /threads/{thread_id}/replies": NOTHING,
        "POST /threads/{thread_id}/replies": Asked(body={"text": "yes"}, headers={"Idempotency-Key": "k2"}),
        "GET /replies/{reply_id}": NOTHING,
        "GET /messages": Asked(query={"property_id": ID, "q": "hello"}),
        "GET /unread": NOTHING,
        "POST /relink": Asked(body={"contact": "+50371234567", "dry_run": False}),
    },
    "notifications": {
        "GET /deliveries": Asked(query={"booking_id": ID}),
        "GET /outbox": Asked(query={"booking_id": ID}),
        "GET /rates": NOTHING,
        "GET /previews/{language}/{event}": NOTHING,
    },
    "payments": {
        "GET /payments/audit": NOTHING,
        "GET /payments/flat": Asked(query={"after": ID}),
        "GET /payment-requests/waiting": NOTHING,
        "GET /payments/{payment_id}": NOTHING,
        "GET /payments/{payment_id}/entries": NOTHING,
        "GET /bookings/{booking_id}/payments": NOTHING,
        "GET /payment-cases": IN_PROPERTY,
        "GET /bookings/{booking_id}/payment-case": NOTHING,
        "GET /bookings/{booking_id}/balance": NOTHING,
        "POST /bookings/{booking_id}/payment-case/frustration": DECIDING,
        "POST /bookings/{booking_id}/payment-case/choice": Asked(body={"payment_id": ID, **DECIDED}),
        "POST /bookings/{booking_id}/payment-case/refusal": DECIDING,
        "POST /bookings/{booking_id}/payment-case/withdrawal": DECIDING,
        "POST /bookings/{booking_id}/payments": Asked(
            body={"payment_id": ID, "method": "cash", "received_on": "2030-01-01", **MONEY, **DECIDED}
        ),
        "POST /bookings/{booking_id}/charges": Asked(body={"charge_id": ID, "reason": "minibar", **MONEY, **DECIDED}),
        "POST /bookings/{booking_id}/charges/{charge_id}/reversal": Asked(body={"reason": "not theirs", **DECIDED}),
        "GET /refunds": IN_PROPERTY,
        "POST /payments/{payment_id}/refunds/{refund_id}/handout": Asked(body={"way": "cash", **DECIDED}),
        "POST /payments/{payment_id}/refunds": Asked(
            body={"refund_id": ID, "booking_id": ID, "reason": "ill", "amount": "1.00", **DECIDED}
        ),
        "POST /payments/verify": Asked(
            body={
                "request_id": ID,
                "property_id": ID,
                "slip_date": "2030-01-01",
                "slip_amount": "50.00",
                "contact": {"wa_id": ID, "subscriber_id": ID},
            }
        ),
        "POST /payment-orders": Asked(body={"order_id": ID, "property_id": ID, "description": "a stay", **MONEY}),
        "GET /payment-feeds": NOTHING,
        "GET /payment-feeds/broken-lines": NOTHING,
        "POST /payment-feeds/broken-lines": Asked(body={"source": "bank", "file": "a.csv", "lines": []}),
        "POST /payment-feeds/broken-lines/{line_id}/correction": Asked(body={"transfer": TRANSFER, **DECIDED}),
        "POST /payment-feeds/files": Asked(body={"digest": "d", "layout": "l"}),
        "POST /payment-feeds/intake": Asked(
            body={"source": "bank", "file": "a.csv", "digest": "d", "layout": "l", "line": 0, "seen": 0}
        ),
        "POST /payment-feeds/synchronise": NOTHING,
        "POST /payment-feeds/compare": Asked(body={"transfers": [{"source": "bank", **TRANSFER}]}),
        "POST /payments/known": Asked(body={"source": "bank", "transfer_ids": [ID]}),
    },
}
PATHS = {"language": "en", "event": "check_out"}


def places_of(operation: str, asked: Asked) -> list[Place]:
    """Every place where a request names something."""
    path = operation.split(" ")[1]
    inside = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    found: list[Place] = [("path", name) for name in inside if is_id(name)]
    found += [("query", name) for name, value in asked.query.items() if value == ID]
    return found + [("body", *place) for place in _leaves(asked.body)]


def name_of(place: Place) -> str:
    """What a place names: in a list the name is the list's."""
    return next(str(part) for part in reversed(place) if isinstance(part, str))


def filled(asked: Asked, names: Names) -> Asked:
    """The request with one's own ids."""
    query = {name: names[name][0] if value == ID else value for name, value in asked.query.items()}
    return replace(asked, query=query, body=_filled(asked.body, names))


def swapped(asked: Asked, place: Place, spelled: Spelled) -> Asked:
    """The request with something else at a place."""
    kind, name, text, encoded = place[0], str(place[1]), *spelled
    if kind == "path":
        return replace(asked, path={name: encoded})
    if kind == "query":
        return replace(asked, query={**asked.query, name: encoded})
    return replace(asked, body=_put(asked.body, place[1:], text))


def spellings(value: str) -> Iterator[Spelled]:
    """An id as somebody might write it who tries; the second as it is written into an address."""
    bare, digit = value.replace("-", ""), next((one for one in value if one.isdigit()), "")
    wide = value.replace(digit, chr(ord(digit) + 0xFEE0), 1) if digit else value + "\uff10"
    variants = [
        value,
        value.upper(),
        value.title(),
        bare,
        f"{{{value}}}",
        f"urn:uuid:{value}",
        f" {value}",
        f"{value} ",
    ]
    variants += [
        f"\t{value}",
        f"{value}\n",
        f"{value}\0",
        f"\0{value}",
        wide,
        f"{value}\u200b",
        f'"{value}"',
    ]
    for one in variants:
        yield one, quote(one, safe="")
    encoded = "".join(f"%{byte:02x}" for byte in value.encode())
    yield value, encoded
    yield encoded, quote(encoded, safe="")


def _put(value: Any, place: Place, what: str) -> Any:
    if not place:
        return what
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[place[0]] = _put(changed[place[0]], place[1:], what)
    return changed


def _leaves(body: Any, before: Place = ()) -> Iterator[Place]:
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inside:
        if value == ID:
            yield (*before, key)
        else:
            yield from _leaves(value, (*before, key))


def _filled(body: Any, names: Names, name: str = "") -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, names, key) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, names, name) for value in body]
    return names[name][0] if body == ID else body
