"""Records that are not taken as they are: unreadable, unverified, misplaced, or with headers that they may not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import structlog
from aiokafka import ConsumerRecord

from shared.errors import described
from shared.kafka.lenient_records import broken_names, unreadable
from shared.messages.inbound import InboundMessage, Invalid, booking_of, json_in, known_type
from shared.messages.message import Context, Envelope, Message, digest_of, message_types
from shared.observability.logs import log_context

log = structlog.get_logger(__name__)

Record: TypeAlias = "ConsumerRecord[Any, Any]"
Problems: TypeAlias = tuple[dict[str, str], ...]

# Ids of these sources are derived by us, so that others could know them before we use them.
RESERVED_SOURCES = ("kafka", "kafka/", "posada/", "webhooks/")


def undecodable(record: Record, now: datetime, fault: Exception) -> InboundMessage:
    """A record that made the decoder itself fail: a person gets it as it came, and its batch goes on."""
    log.warning("decoding.failed", topic=record.topic, offset=record.offset, fault=described(fault))
    envelope = Envelope.from_headers((), topic=record.topic, place=position_of(record), type_name="", now=now)
    invalid = Invalid("", envelope.reference, b"", None, ({"field": "body", "problem": described(fault)},))
    key = digest_of(record.topic, position_of(record))
    return InboundMessage(record, envelope, invalid, key, origin_of(record), verified=False)


def unverified(record: Record, envelope: Envelope, problem: str) -> InboundMessage:
    """A record whose writer is not allowed to write it: neither handled nor answered.

    It is remembered by its position, so that it takes no id from its true sender.
    """
    log.warning("decoding.unverified", type=known_type(envelope.type), place=origin_of(record), problem=problem[:200])
    field, _, text = problem.partition(": ")
    invalid = Invalid(envelope.type, envelope.reference, b"", None, ({"field": field, "problem": text},))
    key = digest_of("unverified", record.topic, position_of(record))
    envelope = replace(envelope, attempt=0, replay="", sender="")
    return InboundMessage(record, envelope, invalid, key, origin_of(record), verified=False)


def unreadable_batch(record: Record) -> Invalid | None:
    """What is wrong with a record that stands for a batch which could not be read; None for any other."""
    if why := unreadable(record.headers):
        return Invalid("", "", record.value or b"", None, ({"field": "batch", "problem": why},))
    return None


def misplaced(
    topic: str, envelope: Envelope, body: bytes, accepted: frozenset[tuple[str, str | None]]
) -> Invalid | None:
    """What is wrong with a message of ours that came by a topic where it is not accepted; None where nothing is."""
    kind = message_types().get(envelope.type)
    if kind is None or (topic, envelope.type) in accepted:
        return None
    problem = f"{envelope.type} does not travel on {topic}, but on {kind.topic.name}"
    return Invalid(envelope.type, envelope.reference, body, json_in(body), ({"field": "ce_type", "problem": problem},))


def header_problems(headers: Sequence[tuple[str, bytes | None]], context: Context, *, reserved: bool) -> Problems:
    """What is wrong with a record's headers; with `reserved` it uses a source that we keep for ourselves."""
    if names := broken_names(headers):
        named = ", ".join(names)[:200]
        problem = f"the names of headers must be UTF-8, and {named} is not: correct it or leave it out"
        return ({"field": "headers", "problem": problem},)
    if context.problems:
        return context.problems
    if reserved:
        problem = f"{', '.join(RESERVED_SOURCES)}* are names that Posada keeps: take your own, or none"
        return ({"field": "ce_source", "problem": problem},)
    return ()


def has_reserved_source(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """Whether a record says to come from a source that we keep for ourselves."""
    given = next((value for name, value in headers if value and name.lower() == "ce_source"), b"")
    source = given.decode("utf-8", "replace")
    return source == RESERVED_SOURCES[0] or source.startswith(RESERVED_SOURCES[1:])


def log_invalid(invalid: Invalid, envelope: Envelope, message: Message | Invalid) -> None:
    """One line with the fields that are wrong, about the booking that `message` names."""
    fields = [problem["field"] for problem in invalid.problems]
    with log_context(booking_of(message), envelope.traceparent):
        log.warning("invalid", type=known_type(envelope.type), fields=fields)


def position_of(record: Record) -> str:
    """Where a record is in its topic; with its time, for a topic that is made anew counts from 0 again."""
    return f"{record.partition}/{record.offset}/{record.timestamp}"


def origin_of(record: Record) -> str:
    """Where a record is, as topic/partition/offset."""
    return f"{record.topic}/{record.partition}/{record.offset}"
