"""Decodes Kafka records: each becomes a message in its envelope, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from shared.consumer.odd_records import (
    Record,
    has_reserved_source,
    header_problems,
    log_invalid,
    misplaced,
    origin_of,
    position_of,
    undecodable,
    unreadable_batch,
    unverified,
)
from shared.consumer.routing import Routes
from shared.errors import described
from shared.kafka.topics import internal
from shared.messages.attributed import Attributed
from shared.messages.inbound import InboundMessage, Invalid, json_in, known_type, parse_message
from shared.messages.message import Context, Envelope, Message, digest_of, message_types, read_context
from shared.messages.record_auth import INTERNAL, NotVerified, RecordVerifier, Verified
from shared.outbox.dead_letters import HISTORY, ORIGIN

log = structlog.get_logger(__name__)


class Decoder:
    """Decodes the records of one service's topics. Without a `verifier` every record counts as one of our services'."""

    def __init__(self, routes: Routes[Any], verifier: RecordVerifier | None = None) -> None:
        self._routes = routes
        self._verifier = verifier
        self._own = internal(routes.service).name
        self._public = frozenset(topic.name for topic in routes.topics if topic.open)
        self._defaults: Mapping[str, str] = {topic.name: topic.default_type or "" for topic in routes.topics}
        kinds = [kind for kind in routes.table if kind.type_name]  # one without a type never comes by Kafka
        self._others = {
            (kind.topic.name, name.encode()) for name, kind in message_types().items() if kind not in routes.table
        }
        # A command counts only on its own topic: a writer of a public topic must not give commands in a service's name.
        self._accepted: frozenset[tuple[str, str | None]] = frozenset(
            {(kind.topic.name, kind.type_name) for kind in kinds}
            | {(self._own, kind.type_name) for kind in kinds}
            | {(topic.name, topic.default_type) for topic in routes.topics}
        )

    def is_for_this_service(self, record: Record) -> bool:
        """False for a message that travels on this topic for other services: it is passed over undecoded."""
        type_name = next((value for name, value in record.headers if name == "ce_type"), b"") or b""
        return (record.topic, type_name) not in self._others

    def decode(self, record: Record, now: datetime) -> InboundMessage:
        """The message in a record, or what is wrong with it; it never raises."""
        try:
            default, place = self._defaults.get(record.topic, ""), position_of(record)
            context = read_context(record.headers)
            envelope = Envelope.of_context(context, topic=record.topic, place=place, type_name=default, now=now)
            try:
                return self._decode(record, context, envelope)
            except NotVerified as problem:
                return unverified(record, envelope, str(problem))
        except Exception as fault:
            return undecodable(record, now, fault)

    def _decode(self, record: Record, context: Context, envelope: Envelope) -> InboundMessage:
        if problem := unreadable_batch(record):  # nobody can tell who wrote it, nor where it stood before
            return self._refused(record, envelope, problem, origin_of(record))
        writer = self._verifier.verify(record, envelope) if self._verifier else INTERNAL
        if not writer.internal and (envelope.attempt or envelope.replay or envelope.sender or writer.sender):
            # Our own programs alone number attempts and replays, and write down who sent a message first.
            envelope = replace(envelope, attempt=0, replay="", sender=writer.sender)
        origin = self._origin(record)
        topic = origin.rsplit("/", 2)[0]
        message = misplaced(topic, envelope, record.value or b"", self._accepted) or self._parse(
            record, context, envelope, writer
        )
        if isinstance(message, Invalid) and (topic, envelope.type) not in self._accepted:
            message = replace(message, taken_for=self._defaults.get(topic, ""))
        key = self._inbox_key(record, topic, envelope, message)
        if isinstance(message, Invalid):
            message = self._answerable(message, envelope)
        if isinstance(message, Message) and not envelope.correlation:
            envelope = replace(envelope, correlation=message.correlation)
        # One with a reserved source is answered; but a replay, which bears our MAC, must not make it an internal one.
        verified, history = not self._is_reserved(record, writer), self._from_us(record, HISTORY)
        return InboundMessage(record, envelope, message, key, origin, verified, history)

    def _parse(self, record: Record, context: Context, envelope: Envelope, writer: Verified) -> Message | Invalid:
        body = record.value or b""
        if problems := header_problems(record.headers, context, reserved=self._is_reserved(record, writer)):
            return Invalid(envelope.type, envelope.reference, body, json_in(body), problems)
        message = parse_message(envelope.type, body, envelope.reference)
        if self._verifier and isinstance(message, Message) and (false := self._verifier.false_speaker(writer, message)):
            raise NotVerified(false)
        if isinstance(message, Attributed):
            return message.sent_by(_sender_of(envelope))
        return message

    def _is_reserved(self, record: Record, writer: Verified) -> bool:
        internal_writer = self._verifier is not None and writer.internal
        return record.topic in self._public and not internal_writer and has_reserved_source(record.headers)

    def _answerable(self, invalid: Invalid, envelope: Envelope) -> Message | Invalid:
        """A message whose handler answers the sender of an invalid one; the same where nothing can."""
        answerable: Message | None = None
        try:
            if self._routes.for_invalid:
                answerable = self._routes.for_invalid(invalid)
        except Exception as fault:
            log.warning("invalid.unanswerable", type=known_type(envelope.type), fault=described(fault))
        log_invalid(invalid, envelope, answerable or invalid)
        return answerable or invalid

    def _origin(self, record: Record) -> str:
        """Where the message first stood; only our own topic is believed about another one."""
        named = self._from_us(record, ORIGIN)
        return named.decode("utf-8", "replace") if named else origin_of(record)

    def _from_us(self, record: Record, name: str) -> bytes | None:
        if record.topic != self._own:
            return None
        value: bytes | None = next((value for given, value in record.headers if given == name), None)
        return value

    def _inbox_key(self, record: Record, topic: str, envelope: Envelope, message: Message | Invalid) -> UUID:
        """What can be handled is known by its sender's id; else by its position, so that whoever corrects a message
        may send it again under the same id.
        """
        if isinstance(message, Invalid) or self._routes.table[type(message)].repeats:
            return digest_of(record.topic, position_of(record))
        return envelope.inbox_key(self._routes.service, topic)

    @staticmethod
    def _refused(record: Record, envelope: Envelope, problem: Invalid, origin: str) -> InboundMessage:
        log_invalid(problem, envelope, problem)
        return InboundMessage(record, envelope, problem, digest_of(record.topic, position_of(record)), origin)


def _sender_of(envelope: Envelope) -> str:
    """The gateway that signed a record, else the name that it gives itself; empty where it gives none."""
    if envelope.sender:
        return f"gateway/{envelope.sender}"
    unnamed = envelope.source == "kafka" or envelope.source.startswith("kafka/")
    return "" if unnamed else f"gateway/{envelope.source}"
