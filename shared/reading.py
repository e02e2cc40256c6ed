"""Reads records: each becomes a delivery, which is a message in its envelope or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import orjson
import structlog
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from shared.complaints import complaints
from shared.errors import described
from shared.messages import Envelope, Message, digest_of, message_types
from shared.routes import Invalid, Routes
from shared.tolerant_records import broken_names

log = structlog.get_logger(__name__)

Record: TypeAlias = "ConsumerRecord[Any, Any]"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record with its envelope, and its message or what is wrong with it."""

    record: Record
    envelope: Envelope
    message: Message | Invalid
    inbox_key: UUID


class Reader:
    """Reads the records of one service's topics."""

    def __init__(self, routes: Routes[Any]) -> None:
        self._routes = routes
        self._defaults: Mapping[str, str] = {topic.name: topic.default_type or "" for topic in routes.topics}
        self._not_ours = {
            (kind.topic.name, name.encode()) for name, kind in message_types().items() if kind not in routes.table
        }

    def is_ours(self, record: Record) -> bool:
        """False for a message that travels on this topic for other services: it is passed over unread."""
        type_name = next((value for name, value in record.headers if name == "ce_type"), b"") or b""
        return (record.topic, type_name) not in self._not_ours

    def read(self, record: Record, now: datetime) -> Delivery:
        """The delivery in a record; whatever is in it, it never raises."""
        envelope = Envelope.from_headers(
            record.headers,
            event_id=f"{record.topic}/{record.partition}/{record.offset}",
            type_name=self._defaults.get(record.topic, ""),
            source=f"kafka/{record.topic}",
            now=now,
        )
        message = read_message(envelope.type, record.value or b"", envelope.id)
        if names := broken_names(record.headers):
            message = _badly_named(names, envelope, record.value or b"")
        if isinstance(message, Message) and type(message) not in self._routes.table:
            problem = f"{envelope.type} does not travel on {record.topic}, but on {message.topic.name}"
            message = Invalid(envelope.type, envelope.id, b"", None, ({"field": "ce_type", "problem": problem},))
        if isinstance(message, Invalid):
            log.warning("invalid", type=bounded(envelope.type), fields=_fields(message))
            message = (self._routes.for_invalid and self._routes.for_invalid(message)) or message
        if isinstance(message, Message) and not envelope.correlation:
            envelope = replace(envelope, correlation=message.correlation)
        return Delivery(record, envelope, message, self._inbox_key(record, envelope, message))

    def _inbox_key(self, record: Record, envelope: Envelope, message: Message | Invalid) -> UUID:
        route = None if isinstance(message, Invalid) else self._routes.table[type(message)]
        if route and route.repeats:
            return digest_of(record.topic, record.partition, record.offset)
        return envelope.inbox_key


def read_message(type_name: str, body: bytes, event_id: str = "") -> Message | Invalid:
    """The message in a body, or what is wrong with it, field by field and without the values."""
    model = message_types().get(type_name)
    if model is None:
        known = ", ".join(sorted(message_types()))
        problem = f"{type_name[:100] or 'none'} is not a message of ours; known: {known}"
        return Invalid(type_name, event_id, body, None, ({"field": "ce_type", "problem": problem},))
    try:
        return model.from_wire(body, event_id)
    except ValidationError as error:
        problems = complaints(error.errors(include_url=False, include_input=False))
        return Invalid(type_name, event_id, body, _given(body), problems)
    except Exception as fault:
        # A reader that stumbles must not take the batch with it.
        return Invalid(type_name, event_id, body, None, ({"field": "body", "problem": described(fault)},))


def bounded(type_name: str) -> str:
    """A type's name for logs and metrics, where a client's inventions would be without bounds."""
    return type_name if type_name in message_types() else "unknown"


def _badly_named(names: Sequence[str], envelope: Envelope, body: bytes) -> Invalid:
    problem = f"the names of headers must be UTF-8, and {', '.join(names)[:200]} is not: correct it or leave it out"
    return Invalid(envelope.type, envelope.id, body, _given(body), ({"field": "headers", "problem": problem},))


def _given(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _fields(invalid: Invalid) -> list[str]:
    return [problem["field"] for problem in invalid.problems]
