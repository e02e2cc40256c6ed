"""A good message of each topic that a service reads, and what makes single fields of it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BOOKING_ID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Place:
    """A topic, who reads it, and a good message of it; `bad` changes single fields into wrong ones.

    Where `id_optional`, a message may go without its id and is a good one.
    """

    topic: str
    readers: tuple[str, ...]
    type: str
    good: Mapping[str, Any]
    id_field: str
    bad: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    id_optional: bool = False


_ROOM = {"line": 1, "type": "Junior", "adults": 2}
_WISH = {"type": "Junior", "adults": 2, "children_0_5": 0, "children_6_10": 0}
_PAYMENT = {"method": "card_link", "amount": "172.50", "authorization_number": "bad-message"}
_DATES_REVERSED = {"check_in": "2027-05-02", "check_out": "2027-05-01"}
_OLD_SLIP = {"amount": "172.50", "slip_date": "0001-01-01"}
_STAY = {"check_in": "2027-05-01", "check_out": "2027-05-02"}

REQUEST: Final = {
    "request_id": "bad-message",
    "guest": {"name": "Ana", "email": "ana@example.org"},
    **_STAY,
    "package": "Las Hojas",
    "rooms": [_WISH],
    "payment": _PAYMENT,
}
HOLD: Final = {
    "booking_id": BOOKING_ID,
    "property_id": "las-hojas",
    **_STAY,
    "package": "Las Hojas",
    "rooms": [_ROOM],
}
HELD: Final = {
    "booking_id": BOOKING_ID,
    "rooms": [{**_ROOM, "type_label": "Junior", "room": "18", "amount": "172.50"}],
    "total": "172.50",
    "currency": "USD",
    "expires_at": "2027-05-01T00:00:00Z",
}
RESERVE: Final = {
    "booking_id": BOOKING_ID,
    "property_id": "las-hojas",
    "amount": "172.50",
    "currency": "USD",
    "evidence": {"method": "card_link", "authorization_number": "bad-message"},
}
TRANSFER: Final = {"transfer_id": "bad-message", "amount": "172.50", "posted_on": "2027-05-01"}
VERIFY: Final = {"request_id": "bad-message", "slip_date": "2027-05-01", "slip_amount": "172.50"}
CONFIRMED: Final = {
    "booking_id": BOOKING_ID,
    "request_id": "bad-message",
    "property": {"id": "las-hojas", "name": "Las Hojas", "timezone": "America/El_Salvador"},
    "language": "es",
    "text": "…",
    "at": "2027-05-01T00:00:00Z",
    "package": "las_hojas",
    "rooms": [],
    "number_of_rooms": 0,
    "total": "172.50",
    "currency": "USD",
}
_BOOKED: Final = {
    **_STAY,
    "rooms": [{"line": 1, "code": "HR1", "room": "18", "type": "j", "type_label": "J", "adults": 2, "amount": "1.00"}],
}
ALERT: Final = {"booking_id": BOOKING_ID, "code": "bad_message", "text": "…"}
CHAT: Final = {"message_id": "bad-message", "contact": "50370001111", "text": "…", "sent_at": "2027-05-01T00:00:00Z"}
COUNT: Final = {"request_id": "bad-message", **_STAY}

SEARCH: Final = {
    **{name: CONFIRMED[name] for name in ("booking_id", "request_id", "property", "language", "text", "at")},
    "stage": 1,
    "next_attempt_at": "2027-05-01T00:00:00Z",
}
WHOLE: Final = {
    **CONFIRMED,
    **_STAY,
    "rooms": [{**_ROOM, "code": "HR1", "room": "18", "type_label": "Junior", "amount": "172.50"}],
    "number_of_rooms": 1,
}
# What a reader of the topic does take, on another of its topics: without an answer, so that only a refusal shows.
ROUTED_ELSEWHERE: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "posada.booking.requests": (
        "posada.payments.payment-reserved.v1",
        {"booking_id": BOOKING_ID, "payment_id": "bad-message", "amount": "172.50"},
    ),
    "posada.booking.replies": ("posada.booking.saga-due.v1", {"booking_id": BOOKING_ID}),
    "posada.availability.commands": ("posada.availability.hold-due.v1", {"booking_id": BOOKING_ID}),
    "posada.availability.requests": ("posada.availability.hold-due.v1", {"booking_id": BOOKING_ID}),
    "posada.payments.commands": ("posada.payments.transfer-arrived.v1", TRANSFER),
    "posada.payments.requests": ("posada.payments.transfer-arrived.v1", TRANSFER),
    "posada.payments.transfers": (
        "posada.payments.search-due.v1",
        {"booking_id": BOOKING_ID, "stage": 1, "attempt": 1},
    ),
    "posada.booking.events": ("posada.notifications.staff-alerted.v1", ALERT),
    "posada.notifications.events": ("posada.booking.payment-search-started.v1", SEARCH),
    "posada.conversations.messages": ("posada.booking.confirmed.v1", WHOLE),
}

_CHAT_BAD = {
    "time before time": {"sent_at": "0001-01-01T00:00:00+14:00"},
    "time after time": {"sent_at": "9999-12-31T23:59:59-14:00"},
    "time is a word": {"sent_at": "yesterday"},
    "time of no zone": {"sent_at": "2027-05-01T00:00:00"},
    "unknown channel": {"channel": "pigeon"},
    "NUL in the text": {"text": "a\0b"},
    "text of 20 000 characters": {"text": "a" * 20_000},
}
_ALERT_BAD = {
    "NUL in the details": {"details": {"a": ["\0"]}},
    "NUL in the text": {"text": "\0"},
    "details are a list": {"details": [1]},
    "code of two lines": {"code": "a\nb"},
}

PLACES: Final = (
    Place(
        "posada.booking.requests",
        ("booking",),
        "posada.booking.requested.v1",
        REQUEST,
        "request_id",
        {
            "unknown room type": {"rooms": [{**_WISH, "type": "Igloo"}]},
            "dates reversed": _DATES_REVERSED,
            "slip of the first day there is": {"payment": {"method": "bank_transfer", **_OLD_SLIP}},
            "the last night there is": {"check_in": "9999-12-30", "check_out": "9999-12-31"},
            "dates in the past": {"check_in": "2001-01-01", "check_out": "2001-01-02"},
            "a stay of 8000 years": {"check_in": "2027-01-01", "check_out": "9999-12-31"},
            "negative people": {"rooms": [{**_WISH, "adults": -2}]},
            "a crowd": {"rooms": [{**_WISH, "adults": 10**9}]},
            "half a person": {"rooms": [{**_WISH, "adults": 1.5}]},
            "nobody": {"rooms": [{**_WISH, "adults": 0}]},
            "three decimals": {"payment": {**_PAYMENT, "amount": "172.505"}},
            "negative amount": {"payment": {**_PAYMENT, "amount": "-1.00"}},
            "amount of many digits": {"payment": {**_PAYMENT, "amount": "9" * 40}},
            "amount is a word": {"payment": {**_PAYMENT, "amount": "plenty"}},
            "no payment": {"payment": None},
            "no evidence": {"payment": {"method": "card_link", "amount": "172.50"}},
            "no rooms": {"rooms": []},
            "rooms are a word": {"rooms": "three"},
            "too many rooms": {"rooms": [_WISH] * 51},
            "unknown property": {"property_id": "atlantis"},
            "unknown package": {"package": "Atlantis"},
            "no address": {"guest": {"name": "Ana", "email": "ana at example"}},
            "NUL in the name": {"guest": {"name": "A\0na", "email": "ana@example.org"}},
            "unknown language": {"language": "tlh"},
        },
        id_optional=True,
    ),
    Place(
        "posada.booking.replies",
        ("booking",),
        "posada.availability.rooms-held.v1",
        HELD,
        "booking_id",
        {
            "three decimals": {"total": "172.505"},
            "negative people": {"rooms": [{**HELD["rooms"][0], "adults": -1}]},  # type: ignore[index]
            "currency of four letters": {"currency": "USDX"},
            "time is a word": {"expires_at": "soon"},
            "time of no zone": {"expires_at": "2027-05-01T00:00:00"},
            "time before time": {"expires_at": "0001-01-01T00:00:00+14:00"},
            "line of a million": {"rooms": [{**HELD["rooms"][0], "line": 10**6}]},  # type: ignore[index]
        },
    ),
    Place(
        "posada.booking.internal", ("booking",), "posada.booking.saga-due.v1", {"booking_id": BOOKING_ID}, "booking_id"
    ),
    Place(
        "posada.availability.commands",
        ("availability",),
        "posada.availability.hold-rooms.v1",
        HOLD,
        "booking_id",
        {
            "unknown room type": {"rooms": [{**_ROOM, "type": "Igloo"}]},
            "dates reversed": _DATES_REVERSED,
            "a stay of 8000 years": {"check_in": "2027-01-01", "check_out": "9999-12-31"},
            "the first day there is": {"check_in": "0001-01-01", "check_out": "0001-01-02"},
            "negative people": {"rooms": [{**_ROOM, "adults": -1}]},
            "three decimals": {"rooms": [{**_ROOM, "extra_beds": 1, "extra_beds_cost": "1.005"}]},
            "unknown property": {"property_id": "atlantis"},
            "unknown package": {"package": "Atlantis"},
            "line zero": {"rooms": [{**_ROOM, "line": 0}]},
        },
    ),
    Place(
        "posada.availability.requests",
        ("availability",),
        "posada.availability.count-requested.v1",
        COUNT,
        "request_id",
        {
            "unknown room type": {"wanted": [{"type": "Igloo"}]},
            "dates reversed": _DATES_REVERSED,
            "a stay of 8000 years": {"check_in": "2027-01-01", "check_out": "9999-12-31"},
            "negative count": {"wanted": [{"type": "Junior", "count": -1}]},
            "unknown property": {"property_id": "atlantis"},
        },
    ),
    Place(
        "posada.availability.internal",
        ("availability",),
        "posada.availability.hold-due.v1",
        {"booking_id": BOOKING_ID},
        "booking_id",
    ),
    Place(
        "posada.payments.commands",
        ("payments",),
        "posada.payments.reserve-payment.v1",
        RESERVE,
        "booking_id",
        {
            "three decimals": {"amount": "172.505"},
            "negative amount": {"amount": "-1.00"},
            "no evidence": {"evidence": None},
            "unknown method": {"evidence": {"method": "shells"}},
        },
    ),
    Place(
        "posada.payments.requests",
        ("payments",),
        "posada.payments.verify-payment.v1",
        VERIFY,
        "request_id",
        {
            "three decimals": {"slip_amount": "172.505"},
            "negative amount": {"booking_amount": "-1.00"},
            "day that is none": {"slip_date": "2027-02-30"},
            "the first day there is": {"slip_date": "0001-01-01"},
            "lower-case currency": {"currency": "usd"},
            "unknown language": {"language": "tlh"},
        },
    ),
    Place(
        "posada.payments.transfers",
        ("payments",),
        "posada.payments.transfer-arrived.v1",
        TRANSFER,
        "transfer_id",
        {
            "three decimals": {"amount": "172.505"},
            "negative amount": {"amount": "-1.00"},
            "nothing": {"amount": "0.00"},
            "unknown method": {"method": "shells"},
            "day that is none": {"posted_on": "2027-02-30"},
            "the first day there is": {"posted_on": "0001-01-01"},
            "the last day there is": {"posted_on": "9999-12-31"},
            "lower-case currency": {"currency": "usd"},
        },
    ),
    Place(
        "posada.payments.internal",
        ("payments",),
        "posada.payments.search-due.v1",
        {"booking_id": BOOKING_ID, "stage": 1, "attempt": 1},
        "booking_id",
        {"stage is a word": {"stage": "first"}},
    ),
    Place(
        "posada.booking.events",
        ("notifications", "conversations"),
        "posada.booking.confirmed.v1",
        CONFIRMED,
        "booking_id",
        {
            "three decimals": {"total": "172.505"},
            "unknown language": {"language": "tlh"},
            "the last day there is": {**_BOOKED, "check_out": "9999-12-31"},
            "time of no zone": {**_BOOKED, "at": "2027-05-01T00:00:00"},
            "unknown time zone": {**_BOOKED, "property": {"id": "x", "name": "x", "timezone": "Mars/Olympus"}},
        },
    ),
    Place(
        "posada.notifications.events",
        ("notifications",),
        "posada.notifications.staff-alerted.v1",
        ALERT,
        "booking_id",
        _ALERT_BAD,
    ),
    Place(
        "posada.notifications.internal",
        ("notifications",),
        "posada.notifications.staff-alerted.v1",
        ALERT,
        "booking_id",
        _ALERT_BAD,
    ),
    Place(
        "posada.conversations.messages",
        ("conversations",),
        "posada.conversations.chat-message.v1",
        CHAT,
        "message_id",
        _CHAT_BAD,
    ),
    Place(
        "posada.conversations.internal",
        ("conversations",),
        "posada.conversations.chat-message.v1",
        CHAT,
        "message_id",
        _CHAT_BAD,
    ),
)
