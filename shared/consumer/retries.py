"""What becomes of a message that could not be handled: the same again later, or a dead letter with its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from shared.commit_hooks import on_commit
from shared.consumer.decoding import InboundMessage, bounded
from shared.errors import described
from shared.kafka.topics import dead, internal
from shared.observability import metrics
from shared.outbox import dead_letters
from shared.outbox.outbox import Row

log = structlog.get_logger(__name__)


def may_be_retried(delivery: InboundMessage) -> bool:
    """Whether a delivery may come again by the service's own topic.

    What nobody vouches for may not: there it would bear our MAC. Nor what would be too large for it.
    """
    key = (delivery.record.key or b"").decode("utf-8", "replace").encode()
    size = len(key) + len(delivery.record.value or b"")
    return delivery.vouched and size <= dead_letters.MAX_BODY


def schedule(service: str, delivery: InboundMessage, fault: Exception, pause: timedelta, now: datetime) -> Row:
    """Another attempt, over the service's own topic."""
    envelope = delivery.envelope
    again = replace(envelope, attempt=envelope.attempt + 1)
    story = dead_letters.told(delivery.history, envelope.attempt, described(fault), now)
    on_commit(metrics.SECOND_ATTEMPTS.labels(envelope.type).inc)
    return Row(
        uuid4(),
        internal(service).name,
        (delivery.record.key or b"").decode("utf-8", "replace"),
        dead_letters.come_again(delivery.record.headers, again, delivery.origin, story),
        delivery.record.value or b"",
        now + pause,
    )


def dead_letter(service: str, delivery: InboundMessage, fault: str, now: datetime) -> Row:
    """A dead letter, for a person to look at and replay."""

    def tell() -> None:
        metrics.DEAD_LETTERS.labels(bounded(delivery.envelope.type)).inc()
        with delivery.in_logs():
            log.error("dead_letter", type=bounded(delivery.envelope.type), id=delivery.envelope.id)

    on_commit(tell)
    return dead_letters.row_for(
        service,
        dead(service),
        delivery.record,
        envelope=delivery.envelope,
        origin=delivery.origin,
        fault=fault,
        now=now,
        vouched=delivery.vouched,
        history=delivery.history,
    )
