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

from shared.consumer.routing import Invalid, Routes
from shared.errors import described
from shared.kafka.lenient_records import broken_names, unreadable
from shared.kafka.topics import internal
from shared.messages.message import Envelope, Message, context_problems, digest_of, message_types
from shared.messages.record_auth import OURS, NotVerified, RecordVerifier, Verified
from shared.observability.logs import log_context
from shared.outbox.dead_letters import HISTORY, LETTER, ORIGIN
from shared.validation_errors import validation_errors

log = structlog.get_logger(__name__)

Record: TypeAlias = "ConsumerRecord[Any, Any]"


# Ids of these sources are reckoned by us, so that others could know them before we use them.
RESERVED_SOURCES = ("kafka", "kafka/", "posada/", "webhooks/")


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A record with its envelope, and its message or what is wrong with it.

    `inbox_key` is what the inbox remembers of it. `origin` is where it first stood, as topic/partition/offset: a second
    attempt comes by the service's own topic, and only there `history` is what earlier ones came to. One that is not
    `vouched` for was written by nobody who may.
    """

    record: Record
    envelope: Envelope
    message: Message | Invalid
    inbox_key: UUID
    origin: str
    vouched: bool = True
    history: bytes | None = None

    @property
    def booking(self) -> str:
        """The id of the booking that the message speaks of itself, as far as it could be read; else empty."""
        return _booking(self.message)

    @property
    def set_aside_key(self) -> UUID:
        """What the inbox remembers of its being set aside: once for a record, and once more for each replay."""
        letter = next((value for name, value in self.record.headers if name == LETTER), b"")
        return digest_of("set aside", self.origin, self.envelope.id, self.envelope.attempt, letter)

    def claimed(self, service: str) -> list[UUID]:
        """The inbox keys of all attempts at the message so far: once it is set aside, its id is free again."""
        if not self.vouched:
            return []
        topic = self.origin.rsplit("/", 2)[0]
        return [self.envelope.inbox_key(service, topic, attempt) for attempt in range(self.envelope.attempt + 1)]

    def in_logs(self) -> AbstractContextManager[None]:
        """Lines of the block name the message's booking and trace."""
        return log_context(self.booking, self.envelope.traceparent)


class Decoder:
    """Reads the records of one service's topics; `made_here` are not Kafka's, but made by the service itself.

    Without `verifier` whoever hands them over is believed.
    """

    def __init__(self, routes: Routes[Any], verifier: RecordVerifier | None = None, *, made_here: bool = False) -> None:
        self._routes = routes
        self._doors = verifier
        self._made_here = made_here
        self._open = frozenset() if made_here else frozenset(topic.name for topic in routes.topics if topic.open)
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

    def read(self, record: Record, now: datetime) -> InboundMessage:
        """The delivery in a record; whatever is in it, it never raises."""
        try:
            return self._delivery(record, now)
        except Exception as fault:
            # A record that even we did not think of must not take its batch with it: a person gets it as it came.
            log.warning("reading.stumbled", topic=record.topic, offset=record.offset, fault=described(fault))
            bare = Envelope.from_headers((), topic=record.topic, place=_place(record), type_name="", now=now)
            invalid = Invalid("", bare.reference, b"", None, ({"field": "body", "problem": described(fault)},))
            key = digest_of(record.topic, _place(record))
            return InboundMessage(
                record, bare, invalid, key, _stands_at(record), vouched=False
            )  # who wrote it is not known

    def _delivery(self, record: Record, now: datetime) -> InboundMessage:
        envelope = Envelope.from_headers(
            record.headers,
            topic=record.topic,
            place=_place(record),
            type_name=self._defaults.get(record.topic, ""),
            now=now,
        )
        try:
            return self._believed(record, envelope)
        except NotVerified as problem:
            return self._kept_out(record, envelope, str(problem))

    def _believed(self, record: Record, envelope: Envelope) -> InboundMessage:
        odd = _unreadable(record)  # of what could not be unpacked nobody can tell who wrote it
        by = OURS if odd or self._doors is None else self._doors.vouched(record, envelope)
        if not by.ours:  # repetitions and attempts are told of by our own programs alone
            envelope = replace(envelope, attempt=0, replay="")
        origin = _stands_at(record) if odd else self._origin(record)
        topic = origin.rsplit("/", 2)[0]
        if odd := odd or self._misplaced(topic, envelope):
            _log_invalid(odd, envelope)
            return InboundMessage(record, envelope, odd, digest_of(record.topic, _place(record)), origin)
        message = self._read(record, envelope, by)
        key = self._inbox_key(record, topic, envelope, message)
        if isinstance(message, Invalid):
            answerable = self._answerable(message)
            _log_invalid(message, envelope, answerable)
            message = answerable or message
        if isinstance(message, Message) and not envelope.correlation:
            envelope = replace(envelope, correlation=message.correlation)
        # In a name that is ours it is answered, but a replay, which bears our MAC, must not make it ours.
        vouched, history = not self._borrows_name(record, by), self._said_by_us(record, HISTORY)
        return InboundMessage(record, envelope, message, key, origin, vouched=vouched, history=history)

    def _kept_out(self, record: Record, envelope: Envelope, problem: str) -> InboundMessage:
        """One that nobody answers or handles; it is remembered by its place, and keeps no id from its true sender."""
        place = _stands_at(record)
        log.warning("reading.unvouched", type=bounded(envelope.type), place=place, problem=problem[:200])
        field, _, text = problem.partition(": ")
        invalid = Invalid(envelope.type, envelope.reference, b"", None, ({"field": field, "problem": text},))
        key = digest_of("unvouched", record.topic, _place(record))
        return InboundMessage(record, replace(envelope, attempt=0, replay=""), invalid, key, place, vouched=False)

    def _origin(self, record: Record) -> str:
        """Where the message first stood; only our own topic is believed about another one."""
        named = self._said_by_us(record, ORIGIN)
        return str(named.decode("utf-8", "replace")) if named else _stands_at(record)

    def _said_by_us(self, record: Record, name: str) -> bytes | None:
        if record.topic != self._own:
            return None
        return next((value for given, value in record.headers if given == name), None)

    def _misplaced(self, topic: str, envelope: Envelope) -> Invalid | None:
        """What is wrong with a message that is ours and came by a topic that it does not travel on."""
        kind = message_types().get(envelope.type)
        if kind is None or (topic, envelope.type) in self._taken:
            return None
        problem = f"{envelope.type} does not travel on {topic}, but on {kind.topic.name}"
        return Invalid(envelope.type, envelope.reference, b"", None, ({"field": "ce_type", "problem": problem},))

    def _read(self, record: Record, envelope: Envelope, by: Verified) -> Message | Invalid:
        body = record.value or b""
        if problems := self._problems(record, by):
            return Invalid(envelope.type, envelope.reference, body, _given(body), problems)
        message = read_message(envelope.type, body, envelope.reference)
        if self._doors and isinstance(message, Message) and (false := self._doors.false_speaker(by, message)):
            raise NotVerified(false)
        return message

    def _problems(self, record: Record, by: Verified) -> tuple[dict[str, str], ...]:
        """What is wrong with a record beside its body."""
        if names := broken_names(record.headers):
            named = ", ".join(names)[:200]
            problem = f"the names of headers must be UTF-8, and {named} is not: correct it or leave it out"
            return ({"field": "headers", "problem": problem},)
        if problems := context_problems(record.headers):
            return problems
        if self._borrows_name(record, by):
            problem = f"{', '.join(RESERVED_SOURCES)}* are names that Posada keeps: take your own, or none"
            return ({"field": "ce_source", "problem": problem},)
        return ()

    def _borrows_name(self, record: Record, by: Verified) -> bool:
        return record.topic in self._open and not (self._doors and by.ours) and _is_reserved(record.headers)

    def _answerable(self, invalid: Invalid) -> Message | None:
        """What can be told to its sender; what even that stumbles over is set aside for a person."""
        try:
            return self._routes.for_invalid(invalid) if self._routes.for_invalid else None
        except Exception as fault:
            log.warning("invalid.unanswerable", type=bounded(invalid.type_name), fault=described(fault))
            return None

    def _inbox_key(self, record: Record, topic: str, envelope: Envelope, message: Message | Invalid) -> UUID:
        """Only what can be handled is known by the id that its sender gave it; else by its place, so that whoever
        corrects it may send it again under the same id.
        """
        by_place = isinstance(message, Invalid) or self._routes.table[type(message)].repeats
        if by_place and not self._made_here:
            return digest_of(record.topic, _place(record))
        return envelope.inbox_key(self._routes.service, topic)


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
        problems = validation_errors(error.errors(include_url=False, include_input=False))
        return Invalid(type_name, reference, body, _given(body), problems)
    except Exception as fault:
        # A reader that stumbles must not take the batch with it.
        return Invalid(type_name, reference, body, None, ({"field": "body", "problem": described(fault)},))


def bounded(type_name: str) -> str:
    """A type's name for logs and metrics, where a client's inventions would be without bounds."""
    return type_name if type_name in message_types() else "unknown"


def _given(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _unreadable(record: Record) -> Invalid | None:
    """What is wrong with a record that stands for a batch which could not be read; None for any other."""
    if why := unreadable(record.headers):
        return Invalid("", "", record.value or b"", None, ({"field": "batch", "problem": why},))
    return None


def _is_reserved(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    given = next((value for name, value in headers if value and name.lower() == "ce_source"), b"")
    source = given.decode("utf-8", "replace")
    return source == RESERVED_SOURCES[0] or source.startswith(RESERVED_SOURCES[1:])


def _log_invalid(invalid: Invalid, envelope: Envelope, answerable: Message | None = None) -> None:
    with log_context(_booking(answerable or invalid), envelope.traceparent):
        log.warning("invalid", type=bounded(envelope.type), fields=_fields(invalid))


def _place(record: Record) -> str:
    """Where a record stands in its topic; with its time, for a topic that is made anew counts from 0 again."""
    return f"{record.partition}/{record.offset}/{record.timestamp}"


def _stands_at(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


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
