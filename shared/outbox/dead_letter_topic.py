"""Dead letters as operators see them: read from their topic, listed and replayed."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions
from shared.kafka.topics import Topic
from shared.messages.message import Headers
from shared.messages.record_auth import Seal, SealingProducer
from shared.outbox.dead_letters import CUT, HISTORY, LETTER, ORIGIN, ORIGINAL, UNVERIFIED, read_history

_OF_ATTEMPTS = {"posada_attempt", HISTORY, ORIGIN, LETTER}  # headers that a replay begins without


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside: where it came from, why, and its bytes as they were.

    `place` is topic/partition/offset of the record as it first came. `cut_from` is how many bytes they were where some
    are missing, else 0. One that is not `verified` was written without permission, or set aside by none
    of our services.
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


async def list_dead(bootstrap: str, topics: list[Topic], seal: Seal | None = None) -> list[DeadLetter]:
    """Everything that is set aside and not yet replayed, oldest first; a topic that is not there has nothing.

    With a `seal` only records that bear it count: any other letter is not verified, and removes none.
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
                _fold(letters, record, verified=seal is None or seal.fits(record))
        await asyncio.sleep(0)
    return sorted(letters.values(), key=lambda letter: letter.at)


def _fold(letters: dict[str, DeadLetter], record: ConsumerRecord[Any, Any], *, verified: bool) -> None:
    key = (record.key or b"").decode("utf-8", "replace")
    known = letters.get(key)
    if not verified and known and known.verified:
        return  # an unverified record removes and changes no verified letter
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
        verified=verified and UNVERIFIED not in fields,
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
    headers = [(name, value) for name, value in letter.headers if name not in _OF_ATTEMPTS]
    headers += [(ORIGIN, letter.place.encode()), (LETTER, letter.id.encode())]
    await producer.send_and_wait(to.name, value=letter.body, key=letter.key.encode() or None, headers=headers)
    await producer.send_and_wait(dead.name, value=None, key=letter.id.encode())
