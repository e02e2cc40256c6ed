"""Bad messages of every kind, made from a good one of each topic that a service reads."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.cluster.good_messages import BOOKING_ID, ROUTED_ELSEWHERE, Place

KB: Final = 1000
_noise = random.Random(7)  # the same noise in every run


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad message; a `type` of None sends no ce_type, `headers` stand beside the usual ones."""

    kind: str
    body: bytes | None
    type: str | None
    headers: tuple[tuple[str, bytes], ...] = ()
    named: bool = True


def bad_messages(place: Place) -> Iterator[Bad]:
    """Every kind of bad message of a topic: those that any topic knows, then its own."""
    for kind, body in _BODIES.items():
        yield Bad(kind, body(place), place.type)
    for kind, value in _WRONG_IDS.items():
        if place.id_optional and value in (..., None, ""):
            continue
        yield Bad(f"{place.id_field}: {kind}", _changed(place, {place.id_field: value}), place.type)
    yield from _with_odd_headers(place)
    for kind, change in place.bad.items():
        # Its last attempt already: what is a fault, and no refusal, is set aside at once and not in some minutes.
        yield Bad(kind, _changed(place, _own_id(place, kind) | dict(change)), place.type, ((_ATTEMPT, b"5"),))


def _with_odd_headers(place: Place) -> Iterator[Bad]:
    good = _changed(place, {})
    yield Bad("unknown type", good, "acme.something.else.v1")
    yield Bad("type of a version to come", good, place.type.replace(".v1", ".v2"))
    yield Bad("type of bytes", good, None, (("ce_type", b"\xff\x00\xfe"),))
    yield Bad("type of 10 000 characters", good, "a" * 10_000)
    yield Bad("a type that belongs on another topic", good, _stranger(place))
    if elsewhere := ROUTED_ELSEWHERE.get(place.topic):
        kind, body = elsewhere
        yield Bad("routed type on another of its service's topics", json.dumps(body).encode(), kind)
    odd = [(name, b"\xff\x00\xfe") for name in ("ce_source", "ce_time", "traceparent", "ce_correlationid", _ATTEMPT)]
    yield Bad("headers of bytes", b"{}", place.type, tuple(odd))
    yield Bad("an id of bytes", b"{}", place.type, (("ce_id", b"\xff\x00\xfe" + place.topic.encode()),), named=False)
    yield Bad("a header without a value and 300 others", b"{}", place.type, tuple((f"x{n}", b"") for n in range(300)))
    yield Bad("headers of 500 kB", b"{}", place.type, (("x", _noise.randbytes(500 * KB)),))


_ATTEMPT = "posada_attempt"
_WRONG_IDS: Final[Mapping[str, Any]] = {
    "missing": ...,
    "null": None,
    "an object": {"a": 1},
    "a list": [1],
    "a truth": True,
    "empty": "",
    "10 000 characters": "x" * 10_000,
    "NUL": "a\0b",
    "control characters": "a\x1b[2Jb",
}
_BODIES: Final[Mapping[str, Callable[[Place], bytes | None]]] = {
    "null body": lambda _: None,
    "empty": lambda _: b"",
    "blank": lambda _: b" \n ",
    "not JSON": lambda _: b"Dear hotel, three rooms please",
    "cut off": lambda place: _changed(place, {})[:-5],
    "JSON null": lambda _: b"null",
    "a number": lambda _: b"42",
    "a string": lambda _: b'"three rooms"',
    "an array": lambda _: b"[]",
    "the good one in an array": lambda place: b"[" + _changed(place, {}) + b"]",
    "an empty object": lambda _: b"{}",
    "two in one": lambda place: _changed(place, {}) * 2,
    "NaN": lambda place: _changed(place, {place.id_field: float("nan")}),
    "infinity": lambda place: _changed(place, {place.id_field: float("inf")}),
    "a number of 5000 digits": lambda place: b'{"%s": %s}' % (place.id_field.encode(), b"9" * 5000),
    "duplicates of a key": lambda place: _changed(place, {})[:-1] + b', "%s": []}' % place.id_field.encode(),
    "lone surrogate": lambda place: b'{"%s": "\\ud800"}' % place.id_field.encode(),
    "UTF-16": lambda place: _changed(place, {}).decode().encode("utf-16"),
    "invalid UTF-8": lambda place: _changed(place, {place.id_field: "MARK"}).replace(b"MARK", b"\xc3\x28\xff"),
    "NUL bytes": lambda _: b"\0" * 100,
    "noise": lambda _: _noise.randbytes(500),
    "100 000 brackets": lambda _: b"[" * 100_000,
    "nested 100 000 deep": lambda place: (
        b'{"%s": %s}' % (place.id_field.encode(), b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    ),
    "nested 1000 deep": lambda place: (  # as deep as a parser goes, and deeper than what prints it
        b'{"%s": %s}' % (place.id_field.encode(), b'{"a":' * 1000 + b"1" + b"}" * 1000)
    ),
    "100 000 keys": lambda _: json.dumps(dict.fromkeys(map(str, range(100_000)), 0)).encode()[: 990 * KB - 1],
    "900 kB of text": lambda place: _changed(place, {place.id_field: "x" * 900 * KB}),
    "900 kB of noise": lambda _: _noise.randbytes(900 * KB),
    "as large as the broker takes": lambda _: _noise.randbytes(1_047_000),
    "5 MB that came compressed": lambda _: b"x" * 5000 * KB,
}


def _changed(place: Place, change: Mapping[str, Any]) -> bytes:
    body = {name: value for name, value in {**place.good, **change}.items() if value is not ...}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _own_id(place: Place, kind: str) -> dict[str, Any]:
    """Commands of one booking would be one conversation: each bad one is about a booking of its own."""
    number = f"{_noise.getrandbits(48):012x}"
    return {place.id_field: f"{BOOKING_ID[:-12]}{number}" if place.id_field == "booking_id" else f"{kind} {number}"}


def _stranger(place: Place) -> str:
    chat = "posada.conversations.chat-message.v1"
    return "posada.payments.transfer-arrived.v1" if "conversations" in place.readers else chat
