"""Reads records: each becomes a delivery, which is a message in its envelope or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import orjson
import structlog
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from shared.complaints import complaints
from shared.deadletters import ORIGIN
from shared.errors import described
from shared.logs import speaking_of
from shared.messages import Envelope, Message, digest_of, message_types
from shared.routes import Invalid, Routes
from shared.tolerant_records import broken_names
from shared.topics import internal

log = structlog.get_logger(__name__)

Record: TypeAlias = "ConsumerRecord[Any, Any]"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record with its envelope, and its message or what is wrong with it.

    `origin` is where it first stood, as topic/partition/offset: a second attempt comes by the service's own topic.
    """

    record: Record
    envelope: Envelope
    message: Message | Invalid
    inbox_key: UUID
    origin: str

    @property
    def booking(self) -> str:
        """The id of the booking that the message speaks of itself, as far as it could be read; else empty."""
        return _booking(self.message)

    def in_logs(self) -> AbstractContextManager[None]:
        """Lines of the block name the message's booking and trace."""
        return speaking_of(self.booking, self.envelope.traceparent)


class Reader:
    """Reads the records of one service's topics."""

    def __init__(self, routes: Routes[Any]) -> None:
        self._routes = routes
        self._defaults: Mapping[str, str] = {topic.name: topic.default_type or "" for topic in routes.topics}
        self._not_ours = {
            (kind.topic.name, name.encode()) for name, kind in message_types().items() if kind not in routes.table
        }
        # A command counts only where it travels: who may write to a public topic must not speak for a service.
        at_home = {(kind.topic.name, kind.type_name) for kind in routes.table}
        self._own = internal(routes.service).name
        again = {(self._own, kind.type_name) for kind in routes.table}
        self._taken = at_home | again | {(topic.name, topic.default_type) for topic in routes.topics}

    def is_ours(self, record: Record) -> bool:
        """False for a message that travels on this topic for other services: it is passed over unread."""
        type_name = next((value for name, value in record.headers if name == "ce_type"), b"") or b""
        return (record.topic, type_name) not in self._not_ours

    def read(self, record: Record, now: datetime) -> Delivery:
        """The delivery in a record; whatever is in it, it never raises."""
        try:
            return self._delivery(record, now)
        except Exception as fault:
            # A record that even we did not think of must not take its batch with it: a person gets it as it came.
            log.warning("reading.stumbled", topic=record.topic, offset=record.offset, fault=described(fault))
            bare = Envelope.from_headers((), topic=record.topic, place=_place(record), type_name="", now=now)
            invalid = Invalid("", bare.reference, b"", None, ({"field": "body", "problem": described(fault)},))
            return Delivery(record, bare, invalid, digest_of(record.topic, _place(record)), self._origin(record))

    def _delivery(self, record: Record, now: datetime) -> Delivery:
        envelope = Envelope.from_headers(
            record.headers,
            topic=record.topic,
            place=_place(record),
            type_name=self._defaults.get(record.topic, ""),
            now=now,
        )
        origin = self._origin(record)
        message = self._misplaced(origin.rsplit("/", 2)[0], envelope) or self._read(record, envelope)
        if isinstance(message, Message) and not envelope.correlation:
            envelope = replace(envelope, correlation=message.correlation)
        return Delivery(record, envelope, message, self._inbox_key(record, envelope, message), origin)

    def _origin(self, record: Record) -> str:
        """Where the message first stood; only our own topic is believed about another one."""
        named = next((value for name, value in record.headers if name == ORIGIN), None)
        if named and record.topic == self._own:
            return str(named.decode("utf-8", "replace"))
        return f"{record.topic}/{record.partition}/{record.offset}"

    def _misplaced(self, topic: str, envelope: Envelope) -> Invalid | None:
        """What is wrong with a message that is ours and came by a topic that it does not travel on."""
        kind = message_types().get(envelope.type)
        if kind is None or (topic, envelope.type) in self._taken:
            return None
        problem = f"{envelope.type} does not travel on {topic}, but on {kind.topic.name}"
        invalid = Invalid(envelope.type, envelope.reference, b"", None, ({"field": "ce_type", "problem": problem},))
        with speaking_of("", envelope.traceparent):
            log.warning("invalid", type=envelope.type, fields=_fields(invalid))
        return invalid

    def _read(self, record: Record, envelope: Envelope) -> Message | Invalid:
        message = read_message(envelope.type, record.value or b"", envelope.reference)
        if names := broken_names(record.headers):
            message = _badly_named(names, envelope, record.value or b"")
        if isinstance(message, Message):
            return message
        answerable = self._answerable(message)
        with speaking_of(_booking(answerable or message), envelope.traceparent):
            log.warning("invalid", type=bounded(envelope.type), fields=_fields(message))
        return answerable or message

    def _answerable(self, invalid: Invalid) -> Message | None:
        """What can be told to its sender; what even that stumbles over is set aside for a person."""
        try:
            return self._routes.for_invalid(invalid) if self._routes.for_invalid else None
        except Exception as fault:
            log.warning("invalid.unanswerable", type=bounded(invalid.type_name), fault=described(fault))
            return None

    def _inbox_key(self, record: Record, envelope: Envelope, message: Message | Invalid) -> UUID:
        route = None if isinstance(message, Invalid) else self._routes.table[type(message)]
        if route and route.repeats:
            return digest_of(record.topic, _place(record))
        return envelope.inbox_key


def read_message(type_name: str, body: bytes, reference: str = "") -> Message | Invalid:
    """The message in a body, or what is wrong with it, field by field and without the values."""
    model = message_types().get(type_name)
    if model is None:
        known = ", ".join(sorted(message_types()))
        problem = f"{type_name[:100] or 'none'} is not a message of ours; known: {known}"
        return Invalid(type_name, reference, body, None, ({"field": "ce_type", "problem": problem},))
    try:
        return model.from_wire(body, reference)
    except ValidationError as error:
        problems = complaints(error.errors(include_url=False, include_input=False))
        return Invalid(type_name, reference, body, _given(body), problems)
    except Exception as fault:
        # A reader that stumbles must not take the batch with it.
        return Invalid(type_name, reference, body, None, ({"field": "body", "problem": described(fault)},))


def bounded(type_name: str) -> str:
    """A type's name for logs and metrics, where a client's inventions would be without bounds."""
    return type_name if type_name in message_types() else "unknown"


def _badly_named(names: Sequence[str], envelope: Envelope, body: bytes) -> Invalid:
    problem = f"the names of headers must be UTF-8, and {', '.join(names)[:200]} is not: correct it or leave it out"
    return Invalid(envelope.type, envelope.reference, body, _given(body), ({"field": "headers", "problem": problem},))


def _given(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _place(record: Record) -> str:
    """Where a record stands in its topic; with its time, for a topic that is made anew counts from 0 again."""
    return f"{record.partition}/{record.offset}/{record.timestamp}"


def _booking(message: Message | Invalid) -> str:
    if isinstance(message, Message):
        return message.booking
    named = message.given.get("booking_id") if isinstance(message.given, dict) else None
    try:
        return str(UUID(named)) if isinstance(named, str) else ""
    except ValueError:
        return ""


def _fields(invalid: Invalid) -> list[str]:
    return [problem["field"] for problem in invalid.problems]
