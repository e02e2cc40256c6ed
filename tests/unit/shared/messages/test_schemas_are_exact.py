"""The published JSON Schema of what others send says exactly what is accepted, tried with changed bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError as Mismatch
from pydantic import EmailStr, TypeAdapter

from shared.contracts_export import message_schema
from shared.messages.inbound import parse_message
from shared.messages.message import Message
from tests.support.builders.questions import BODIES

Json = dict[str, Any]
Path = tuple[str | int, ...]
CASES = [pytest.param(kind, body, id=f"{kind.__name__}-{number}") for number, (kind, body) in enumerate(BODIES)]
# What gateways' tools make of a value: nothing, text for numbers, numbers for text, floats, and nonsense.
ODD: list[Any] = [
    None, "", " ", "\u00a0", "\t", "x", " x ", "x" * 100, "x" * 101, "x" * 201, "a\0b", "a\nb", 0, 1, 2, 3.0, 2.5, -1,
    101, 501, 172.5, 172.505, "2", "02", "100", "101", "-1", "1e2", "1_000", "٣", "172.50", "172.500", " 172.50 ",
    "172.505", "9" * 11, 10**10, True, False, [], {}, [None], [""], ["22"], {"a": 1}, "2027-03-15", "2027-3-15",
    20270315,
    "20270315", "2027-03-15T00:00:00", "1999-12-31", "2200-01-01", "0001-01-01", "2027-02-30", "es", "EN", "es-SV",
    "en_US", "fr", "español", "bank_transfer", "depósito bac", "COMPRACLICK", "Facebook", "wati", "whatsapp", "sms",
    "ana@example.com", "ana", "USD", "usd", "2027-03-01T10:00:00", "2027-03-01T10:00Z", 1700000000,
    "123e4567-e89b-42d3-a456-426614174000", "best_effort", "https://example.com/x", "ftp://example.com",
]  # fmt: skip

formats = FormatChecker(())


@formats.checks("date", ValueError)
def _date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@formats.checks("date-time", ValueError)
def _moment(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value.upper()))


@formats.checks("uuid", ValueError)
def _uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(UUID(value))


@formats.checks("email", ValueError)
def _email(value: object) -> bool:
    return not isinstance(value, str) or bool(TypeAdapter(EmailStr).validate_python(value))


def _multiple(_: Any, step: float, value: Any, __: Any) -> Iterator[Mismatch]:
    """In decimals: floats would find 172.53 to be no multiple of 0.01."""
    if isinstance(value, int | float) and not isinstance(value, bool) and Decimal(str(value)) % Decimal(str(step)):
        yield Mismatch(f"{value} is no multiple of {step}")


Validator = validators.extend(Draft202012Validator, {"multipleOf": _multiple})


@cache
def schema_of(kind: type[Message]) -> Any:
    return Validator(json.loads(json.dumps(message_schema(kind))), format_checker=formats)


def is_accepted(kind: type[Message], body: Json) -> bool:
    return isinstance(parse_message(kind.type_name, json.dumps(body).encode(), "kafka/1"), Message)


def places(part: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a body, its objects and lists too."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in entries:
        yield (*path, name)
        yield from places(value, (*path, name))


def changed(body: Json, path: Path, value: Any) -> Json:
    """A copy of a body with another value in a place; ... takes it out."""
    copy: Any = deepcopy(body)
    part = copy
    for name in path[:-1]:
        part = part[name]
    if value is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return copy  # type: ignore[no-any-return]


def assert_agreed(kind: type[Message], body: Json, what: object) -> None:
    if kind.__name__ in QUESTIONS and "request_id" in what_is_blank(body):
        return  # a question without an id gets one from its record, which no schema of the body knows
    problems = [error.message[:300] for error in schema_of(kind).iter_errors(body)]
    assert is_accepted(kind, body) is not bool(problems), (what, problems)


QUESTIONS = {"BookingRequested", "CountRequested", "QuoteRequested", "VerifyPayment"}


def what_is_blank(body: Json) -> set[str]:
    return {name for name in ("request_id",) if not isinstance(body.get(name), str) or not body[name].strip()}


@pytest.mark.parametrize(("kind", "body"), CASES)
def test_the_bodies_are_accepted(kind: type[Message], body: Json) -> None:
    assert_agreed(kind, body, "as it is")
    assert is_accepted(kind, body)


@pytest.mark.parametrize(("kind", "body"), CASES)
def test_model_and_schema_agree_on_every_odd_value_in_every_place(kind: type[Message], body: Json) -> None:
    """`optional-null-or-empty` of the cases, and more of its kind."""
    for path in places(body):
        for value in (..., *ODD):
            assert_agreed(kind, changed(body, path, value), (path, value))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
@pytest.mark.parametrize(("kind", "body"), CASES)
def test_model_and_schema_agree_on_bodies_with_several_changes(kind: type[Message], body: Json, data: Any) -> None:
    for _ in range(data.draw(st.integers(2, 4))):
        path = data.draw(st.sampled_from([*places(body), ("x",)]))
        body = changed({"x": 1} | body, path, data.draw(st.sampled_from([..., *ODD])))
    assert_agreed(kind, body, "several changes")
