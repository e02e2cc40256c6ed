"""Nothing gets through a contract that a database or a calendar would stumble over; and it is said in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.contracts.conversations import ChatMessage
from shared.messages.inbound import Invalid, parse_message
from shared.messages.message import Message, message_types
from tests.support.cluster.good_messages import ALERT, CHAT, CONFIRMED, HELD, REQUEST, TRANSFER

ROOM = REQUEST["rooms"][0]  # type: ignore[index]
TYPES = {
    "chat": ("posada.conversations.chat-message.v1", CHAT),
    "request": ("posada.booking.requested.v1", REQUEST),
    "held": ("posada.availability.rooms-held.v1", HELD),
    "transfer": ("posada.payments.transfer-arrived.v1", TRANSFER),
    "alert": ("posada.notifications.staff-alerted.v1", ALERT),
    "confirmed": ("posada.booking.confirmed.v1", CONFIRMED),
}
MOMENT = "must be a time with its zone"
DAY = "must be a date"


def leaves(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a JSON Schema that says a type, with where it stands."""
    if isinstance(part, dict):
        if {"type": "string"} in part.get("anyOf", ()):
            return  # a decimal: its digits are counted
        if isinstance(part.get("type"), str):
            yield path, part
        for name, inner in part.items():
            yield from leaves(inner, f"{path}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from leaves(inner, f"{path}/{number}")


def bounded(part: dict[str, Any]) -> bool:
    """Whether a value of this type has an end."""
    match part["type"]:
        case "integer":
            return "maximum" in part
        case "array":
            return "maxItems" in part
        case "string":
            kept = ("enum", "const", "maxLength", "format", "pattern")
            return any(word in part for word in kept)
    return True


@pytest.mark.parametrize("kind", message_types().values(), ids=lambda kind: kind.type_name)
def test_every_field_of_every_message_has_its_bounds(kind: type[Message]) -> None:
    unbounded = [path for path, part in leaves(kind.model_json_schema()) if not bounded(part)]
    assert unbounded == []
    moments = [part for _, part in leaves(kind.model_json_schema()) if part.get("format") == "date-time"]
    assert all("2199" in part.get("description", "") for part in moments)


def problem(name: str, **change: Any) -> str:
    kind, good = TYPES[name]
    body = {**good, **change}
    if name == "confirmed":
        room = {**HELD["rooms"][0], "code": "HR1"}  # type: ignore[index]
        body = {**body, "rooms": [room], "check_in": "2027-05-01", "check_out": "2027-05-02"} | change
    found = parse_message(kind, json.dumps(body).encode())
    assert isinstance(found, Invalid) is bool(change), found
    return found.text if isinstance(found, Invalid) else ""


@pytest.mark.parametrize("name", TYPES)
def test_the_good_ones_are_good(name: str) -> None:
    assert problem(name) == ""


@pytest.mark.parametrize(
    ("name", "field", "value", "words"),
    [
        ("chat", "sent_at", "2027-05-01T12:00:00", MOMENT),
        ("chat", "sent_at", "0001-01-01T00:00:00+14:00", MOMENT),
        ("chat", "sent_at", "9999-12-31T23:59:59-14:00", MOMENT),
        ("chat", "sent_at", "1999-12-31T23:59:59Z", MOMENT),
        ("chat", "sent_at", "2200-01-01T00:00:00Z", MOMENT),
        ("chat", "sent_at", -(10**14), MOMENT),
        ("chat", "sent_at", "yesterday", MOMENT),
        ("chat", "text", "a\0b", "take them out"),
        ("chat", "text", "a" * 10_001, "shorten it to 10000"),
        ("held", "expires_at", "2027-05-01T12:00:00", MOMENT),
        ("held", "rooms", [{**HELD["rooms"][0], "line": 10**6}], "must be 500 or less"),  # type: ignore[index]
        ("held", "rooms", [HELD["rooms"][0]] * 501, "500 entries at most"),  # type: ignore[index]
        ("transfer", "posted_on", "0001-01-01", DAY),
        ("transfer", "posted_on", "9999-12-31", DAY),
        ("transfer", "amount", "1.005", "2 decimals at most"),
        ("transfer", "amount", "9" * 40, "digits"),
        ("transfer", "amount", "NaN", "number"),
        ("transfer", "currency", "usd", "does not have the form"),
        ("alert", "text", "a\0b", "take them out"),
        ("alert", "details", {"a": [{"b": "c\0d"}]}, "leave that part out"),
        ("alert", "details", {"a\0b": 1}, "leave that part out"),
        ("alert", "details", {"a": 10**40}, "leave that part out"),
        ("confirmed", "check_out", "9999-12-31", DAY),
        ("confirmed", "at", "2027-05-01T12:00:00", MOMENT),
        ("confirmed", "property", {"id": "x", "name": "x", "timezone": "Mars/Olympus"}, "time zone"),
        ("confirmed", "property", {"id": "x", "name": "x", "timezone": "../../etc/passwd"}, "time zone"),
        ("request", "check_in", "9999-12-30", DAY),
        ("request", "rooms", [], "needs 1 entry at least and has 0: add what is missing"),
        ("request", "rooms", "three", "must be a list"),
        ("request", "rooms", [{**ROOM, "adults": 1.5}], "whole number"),
        ("request", "rooms", [{**ROOM, "adults": -2}], "must be 0 or more"),
        ("request", "guest", None, "must be an object"),
        ("request", "language", "tlh", "must be one of 'es' or 'en'"),
        ("request", "request_id", "", "is empty: fill it in"),
        ("request", "request_id", "a\nb", "take them out"),
    ],
)
def test_it_is_refused_at_the_edge_with_its_field_and_the_remedy(name: str, field: str, value: Any, words: str) -> None:
    told = problem(name, **{field: value})
    assert told.startswith(field)
    assert words in told
    assert told.count(field) == 1
    for jargon in ("Tuple", "Input should", "Field required", "String should", "Value error", "pydantic"):
        assert jargon not in told


def test_what_is_missing_is_named_once() -> None:
    assert parse_message("posada.booking.requested.v1", b'{"request_id": "r"}').text.split("; ")[0] == (  # type: ignore[union-attr]
        "guest: is missing: fill it in"
    )


def test_a_moment_of_any_zone_is_kept() -> None:
    found = parse_message(ChatMessage.type_name, json.dumps({**CHAT, "sent_at": "2027-05-01T12:00:00+14:00"}).encode())
    assert isinstance(found, ChatMessage)
    assert found.sent_at.utcoffset()
