"""Dead letters: what could not be handled, kept on a topic with the history of its fault, listed and replayed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.kafka.consumers import consumer
from shared.kafka.lenient_records import unreadable
from shared.kafka.topic_admin import partitions
from shared.kafka.topics import MESSAGE_BYTES, Topic
from shared.messages.inbound import InboundMessage
from shared.messages.message import Envelope, Headers
from shared.messages.record_auth import MAC, Seal, SealingProducer
from shared.outbox.outbox import Row

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
_ATTEMPTS = {"posada_attempt", HISTORY, ORIGIN, LETTER}
_WRITTEN_ANEW = {ORIGIN, HISTORY, MAC}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside: where it came from, why, and its bytes as they were.

    `place` is topic/partition/offset of the record as it first came. `cut_from` is how many bytes they were where some
    are missing, else 0. One that is not `verified` was written by somebody who may not, or set aside by none of ours.
    """

    id: str
    service: str
    topic: str
    key: str
    type: str
    reason: str
    history: list[dict[str, str]]
    at: str
    headers: Headers
    body: bytes
    cut_from: int = 0
    place: str = ""
    verified: bool = True

    def as_json(self) -> dict[str, Any]:
        """For a program: the body as text where it is text, else base64 with a mark before it."""
        try:
            body = self.body.decode()
        except UnicodeDecodeError:
            body = "base64:" + base64.b64encode(self.body).decode()
        headers = {name: value.decode("utf-8", "replace") for name, value in self.headers}
        names = ("id", "service", "topic", "key", "type", "reason", "history", "at", "cut_from", "place", "verified")
        return {name: getattr(self, name) for name in names} | {"headers": headers, "body": body}


def extended(history: bytes | None, attempt: int, fault: str, now: datetime) -> bytes:
    """The history of a message's faults with one more, as a header's value; only the latest are kept.

    `history` must be our own: a stranger's may be of any size.
    """
    faults = read_history(history)
    faults.append({"attempt": str(attempt + 1), "at": now.isoformat(), "fault": fault[:MAX_FAULT]})
    return json.dumps(faults[-MAX_HISTORY:]).encode()


def retry_headers(
    headers: Iterable[tuple[str, bytes | None]], envelope: Envelope, origin: str, history: bytes
) -> Headers:
    """The headers of another attempt: all that the client sent, the envelope, where it first stood, and its history."""
    ours = dict(envelope.headers())
    theirs = {name: value for name, value in headers if name.lower() not in ours and name not in _WRITTEN_ANEW}
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
    original = {name: value for name, value in raw.headers if name not in _WRITTEN_ANEW}
    original |= dict(envelope.headers())
    headers += [(f"{ORIGINAL}{name}", value) for name, value in _kept(original)]
    return Row(uuid4(), dead.name, str(uuid4()), headers, body[:MAX_BODY])


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


async def list_dead(bootstrap: str, topics: list[Topic], seal: Seal | None = None) -> list[DeadLetter]:
    """Everything that is set aside and not yet replayed, oldest first; a topic that is not there has nothing.

    With a `seal` only what bears it is believed: a letter of somebody else is not verified, and removes none.
    """
    there = await partitions(bootstrap, {topic.name for topic in topics})
    return await read_dead(bootstrap, there, seal) if there else []


async def read_dead(bootstrap: str, there: list[TopicPartition], seal: Seal | None = None) -> list[DeadLetter]:
    """The same of these partitions."""
    reader = consumer(bootstrap, auto_offset_reset="earliest")
    await reader.start()
    try:
        reader.assign(there)
        return await _read_all(reader, there, seal)
    finally:
        await reader.stop()


async def _read_all(reader: AIOKafkaConsumer, places: list[TopicPartition], seal: Seal | None) -> list[DeadLetter]:
    ends = await reader.end_offsets(places)
    await reader.seek_to_beginning(*places)
    letters: dict[str, DeadLetter] = {}
    while any([await reader.position(place) < ends[place] for place in places]):
        for records in (await reader.getmany(timeout_ms=500)).values():
            for record in records:
                _fold(letters, record, ours=seal is None or seal.fits(record))
        await asyncio.sleep(0)
    return sorted(letters.values(), key=lambda letter: letter.at)


def _fold(letters: dict[str, DeadLetter], record: ConsumerRecord[Any, Any], *, ours: bool) -> None:
    key = (record.key or b"").decode("utf-8", "replace")
    known = letters.get(key)
    if not ours and known and known.verified:
        return  # somebody who may not write here removes and changes no letter
    if record.value is None:
        letters.pop(key, None)
        return
    headers = [(name, value or b"") for name, value in record.headers]
    fields = {name: value.decode("utf-8", "replace") for name, value in headers}
    original = [(name.removeprefix(ORIGINAL), value) for name, value in headers if name.startswith(ORIGINAL)]
    history = read_history(dict(headers).get(HISTORY))
    letters[key] = DeadLetter(
        id=key,
        service=fields.get("dead_service", ""),
        topic=fields.get("dead_topic", ""),
        key=fields.get("dead_key", ""),
        type=fields.get(f"{ORIGINAL}ce_type", ""),
        reason=history[-1].get("fault", "") if history else "",
        history=history,
        at=fields.get("dead_at", ""),
        headers=original,
        body=record.value,
        cut_from=_bytes_in(fields.get(CUT, "0")),
        place=fields.get("dead_place", ""),
        verified=ours and UNVERIFIED not in fields,
    )


def _bytes_in(header: str) -> int:
    """The number of bytes in a header; 1 for one that is no number, so that its letter is not taken for whole."""
    return int(header) if header.isascii() and header.isdigit() and len(header) <= len(str(2**63)) else 1


async def replay(producer: SealingProducer, letter: DeadLetter, dead: Topic, to: Topic) -> None:
    """Give a dead letter back to the service that set it aside, as if for the first time, and mark it as replayed.

    Raises:
        ValueError: when it is not whole.
    """
    if letter.cut_from:
        raise ValueError(f"{letter.id} is not a whole message and cannot be replayed: publish it again")
    headers = [(name, value) for name, value in letter.headers if name not in _ATTEMPTS]
    headers += [(ORIGIN, letter.place.encode()), (LETTER, letter.id.encode())]
    await producer.send_and_wait(to.name, value=letter.body, key=letter.key.encode() or None, headers=headers)
    await producer.send_and_wait(dead.name, value=None, key=letter.id.encode())
