"""Dead letters as they are written: the headers of another attempt, the history of faults, the row of the letter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.kafka.lenient_records import unreadable
from shared.kafka.topics import MESSAGE_BYTES, Topic
from shared.messages.inbound import InboundMessage
from shared.messages.message import Envelope, Headers
from shared.messages.record_auth import MAC
from shared.outbox.row import Row

HISTORY = "posada_history"
ORIGINAL = "original_"
ORIGIN = "posada_origin"  # where a message stood that comes again by the service's own topic
LETTER = "posada_letter"  # the dead letter that a message comes again from
CUT = "dead_cut"
UNVERIFIED = "dead_unverified"
MAX_HISTORY = 10
MAX_FAULT = 500
MAX_HISTORY_BYTES = 64 * 1024  # more than any history of ours has: ten faults, each letter of them escaped
_LENGTHS = 8  # bytes that say how long a header's name and value are
# What the limit of our own topics (KEPT_BYTES) leaves to a body and to the headers beside our own, in bytes: all that
# can have come. A record that came compressed may be of any size.
MAX_BODY = MESSAGE_BYTES
MAX_HEADERS = 192_000
_FAULT = ("attempt", "at", "fault")
_WRITTEN_ANEW = {ORIGIN, HISTORY, MAC}
_OURS_ALONE = {"posada_attempt", "posada_replay", "posada_sender"}  # what a client wrote there must not bear our MAC


def extended(history: bytes | None, attempt: int, fault: str, now: datetime) -> bytes:
    """The history of a message's faults with one more, as a header's value; only the latest are kept.

    `history` must be one of our services': any other may be of any size.
    """
    faults = read_history(history)
    faults.append({"attempt": str(attempt + 1), "at": now.isoformat(), "fault": fault[:MAX_FAULT]})
    return json.dumps(faults[-MAX_HISTORY:]).encode()


def retry_headers(
    headers: Iterable[tuple[str, bytes | None]], envelope: Envelope, origin: str, history: bytes
) -> Headers:
    """The headers of another attempt: all that the client sent, the envelope, where it first stood, and its history."""
    ours = dict(envelope.headers())
    theirs = {name: value for name, value in _theirs(headers).items() if name.lower() not in ours}
    return [*_kept(theirs), *ours.items(), (ORIGIN, origin.encode()), (HISTORY, history)]


def read_history(value: bytes | None) -> list[dict[str, str]]:
    """The history in a header's value, which anybody may have written: entries of another form are left out."""
    if not value or len(value) > MAX_HISTORY_BYTES:
        return []
    try:
        history = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return [_plain(fault) for fault in history if _is_fault(fault)] if isinstance(history, list) else []


def _is_fault(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(given.get(name), str) for name in _FAULT)


def _plain(fault: dict[str, str]) -> dict[str, str]:
    """Its own fields alone; half a surrogate pair is no text that can be printed or sent."""
    return {name: fault[name].encode("utf-8", "replace").decode() for name in _FAULT}


def row_for(service: str, dead: Topic, inbound: InboundMessage, *, fault: str, now: datetime) -> Row:
    """The outbox row of a dead letter: the body untouched, its envelope completed, its history in headers.

    A body too large to be sent on is cut, and says so, as does a batch that cannot be read, whose body is the batch as
    it is stored. Where the whole record is (topic/partition/offset) stands in `dead_place`.
    """
    raw, envelope, body = inbound.raw, inbound.envelope, inbound.raw.value or b""
    headers: Headers = [
        ("dead_service", service.encode()),
        ("dead_topic", inbound.topic.encode()),
        ("dead_place", inbound.origin.encode()),
        ("dead_key", (raw.key or b"")[:MAX_FAULT]),
        ("dead_at", now.isoformat().encode()),
        (HISTORY, extended(inbound.history, envelope.attempt, fault, now)),
    ]
    if len(body) > MAX_BODY or unreadable(raw.headers):
        headers.append((CUT, str(len(body)).encode()))
    if not inbound.verified:
        headers.append((UNVERIFIED, b"1"))
    original = _theirs(raw.headers) | dict(envelope.headers())
    headers += [(f"{ORIGINAL}{name}", value) for name, value in _kept(original)]
    return Row(uuid4(), dead.name, str(uuid4()), headers, body[:MAX_BODY])


def _theirs(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes | None]:
    return {name: value for name, value in headers if name not in _WRITTEN_ANEW and name.lower() not in _OURS_ALONE}


def _kept(headers: dict[str, bytes | None]) -> Headers:
    """Small headers before large ones, as many as can be sent on."""
    kept: Headers = []
    room = MAX_HEADERS
    for name, value in sorted(headers.items(), key=_size):
        room -= _size((name, value))
        if room < 0:
            break
        kept.append((name, value or b""))
    return kept


def _size(header: tuple[str, bytes | None]) -> int:
    """The most bytes that a header takes in a record of ours, where its name is longer and its value is text."""
    name, value = header
    return len(ORIGINAL) + len(name.encode()) + len((value or b"").decode("utf-8", "replace").encode()) + _LENGTHS
