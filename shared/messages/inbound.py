"""A message as it came in: parsed with its envelope, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import orjson
from pydantic import ValidationError

from shared.errors import described
from shared.messages.message import Envelope, Message, message_types
from shared.observability.logs import log_context
from shared.validation_errors import validation_errors


class RawMessage(Protocol):
    """A message in bytes: a Kafka record, or a command as it would be published."""

    @property
    def key(self) -> bytes | None:
        """The Kafka key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The body."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """The envelope, and whatever else its sender wrote there."""
        ...


@dataclass(frozen=True, slots=True)
class Serialized:
    """A message in bytes that did not come from Kafka."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Invalid:
    """A message that does not fit its model: what could be read of it, and what is wrong.

    `reference` is its CloudEvents source and id in one text. One whose type its topic does not know is
    `taken_for` the type that the topic takes a message for which names none, so that its sender gets an answer.
    """

    type_name: str
    reference: str
    body: bytes
    given: Any
    problems: tuple[dict[str, str], ...]
    taken_for: str = ""

    @property
    def answered_as(self) -> str:
        """The type of message by whose rules it is answered."""
        return self.taken_for or self.type_name

    @property
    def text(self) -> str:
        """The problems in one sentence, each with its field."""
        return "; ".join(f"{problem['field']}: {problem['problem']}" for problem in self.problems)


@dataclass(slots=True)  # not frozen, as nobody changes one: a frozen one takes four times as long to make
class InboundMessage:
    """A message with its envelope, or what is wrong with it, and its bytes.

    `inbox_key` is what the inbox remembers it by. `origin` is where it first stood, as topic/partition/offset: a retry
    comes by the service's own topic, and only there `history` has the faults of earlier attempts. One that is not
    `verified` was written without permission.
    """

    raw: RawMessage
    envelope: Envelope
    message: Message | Invalid
    inbox_key: UUID
    origin: str
    verified: bool = True
    history: bytes | None = None

    @property
    def booking(self) -> str:
        """The id of the booking that the message names, as far as it could be read; else empty."""
        return booking_of(self.message)

    @property
    def topic(self) -> str:
        """The topic that it first stood on."""
        return self.origin.rsplit("/", 2)[0]

    def inbox_keys(self, service: str) -> list[UUID]:
        """The inbox keys of all attempts so far: a dead letter gives them up, so that its id is free again."""
        if not self.verified:
            return []
        return [self.envelope.inbox_key(service, self.topic, attempt) for attempt in range(self.envelope.attempt + 1)]

    def log_context(self) -> log_context:
        """Log lines of the block name the message's booking and trace."""
        return log_context(self.booking, self.envelope.traceparent)


def parse_message(type_name: str, body: bytes, reference: str = "") -> Message | Invalid:
    """The message in a body, or what is wrong with it, field by field and without the values."""
    model = message_types().get(type_name)
    if model is None:
        known = ", ".join(sorted(message_types()))
        problem = f"{type_name[:100] or 'none'} is not a message of ours; known: {known}"
        return Invalid(type_name, reference, body, json_in(body), ({"field": "ce_type", "problem": problem},))
    try:
        return model.from_wire(body, reference)
    except ValidationError as error:
        problems = validation_errors(error.errors(include_url=False, include_input=False))
        return Invalid(type_name, reference, body, json_in(body), problems)
    except Exception as fault:
        # A parser that fails must not take the batch with it.
        return Invalid(type_name, reference, body, None, ({"field": "body", "problem": described(fault)},))


def known_type(type_name: str) -> str:
    """A type's name for logs and metrics, which must not have as many as clients can make up."""
    return type_name if type_name in message_types() else "unknown"


def json_in(body: bytes) -> Any:
    """The JSON in a body; None where there is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def booking_of(message: Message | Invalid) -> str:
    """The id of the booking that a message names, as far as it could be read; else empty."""
    if isinstance(message, Message):
        return message.booking
    named = message.given.get("booking_id") if isinstance(message.given, dict) else None
    try:
        return str(UUID(named)) if isinstance(named, str) else ""
    except ValueError:
        return ""
