"""What becomes of messages that fail: a batch is bisected, a message retried later or set aside as a dead letter."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID, uuid4

import structlog

from shared.clock import Clock
from shared.commit_hooks import collecting_hooks, on_commit
from shared.database.conflicts import retry_conflicts
from shared.database.pool import UNAVAILABLE, Database
from shared.errors import described
from shared.kafka.topics import dead, internal
from shared.messages import inbox
from shared.messages.inbound import InboundMessage, known_type
from shared.messages.message import digest_of
from shared.observability import metrics
from shared.outbox import dead_letters, outbox
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row

log = structlog.get_logger(__name__)

# Pauses before the second, third … attempt at a message; after the last it is a dead letter.
RETRY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.2, 1, 5, 30, 120))
SMALL_BATCH = 4  # messages that are not worth halving
BOOKINGS_NAMED = 20  # in a line about a whole batch


class Commit(Protocol):
    """Handles a batch under locks and commits it as a whole, or raises."""

    async def __call__(self, batch: Sequence[InboundMessage], *, locked: bool) -> Any:
        """Commit it."""
        ...


class Failures:
    """Brings every message of a batch that failed to an end: committed, to be retried later, or a dead letter."""

    def __init__(
        self,
        service: str,
        database: Database,
        publisher: OutboxPublisher,
        *,
        commit: Commit,
        clock: Clock,
        pauses: Sequence[timedelta],
    ) -> None:
        self._service = service
        self._database = database
        self._publisher = publisher
        self._commit = commit
        self._clock = clock
        self._pauses = pauses

    async def bisect(self, batch: Sequence[InboundMessage]) -> None:
        """Halve a batch that failed until the message at fault is alone: the rest still shares transactions.

        One message after the other would take so long, where a backlog makes batches large, that the backlog grows.
        """
        if len(batch) <= SMALL_BATCH:
            for inbound in batch:
                await self._commit_alone(inbound)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            try:
                await self._commit(half, locked=True)
            except UNAVAILABLE:
                raise
            except Exception:  # logged for the whole batch; what remains of it is logged for the message alone
                await self.bisect(half)

    async def _commit_alone(self, inbound: InboundMessage) -> None:
        try:
            await retry_conflicts(partial(self._commit, [inbound], locked=True))
        except UNAVAILABLE:
            raise
        except Exception as fault:
            log_fault(inbound, fault)
            await self.retry_or_set_aside(inbound, fault)

    async def retry_or_set_aside(self, inbound: InboundMessage, fault: Exception) -> None:
        """Give a message another attempt later; after the last one, make a dead letter of it with its history."""
        now, attempt = self._clock(), inbound.envelope.attempt
        retried = attempt < len(self._pauses) and may_be_retried(inbound)
        with collecting_hooks() as hooks:
            if retried:
                row = schedule_retry(self._service, inbound, fault, self._pauses[attempt], now)
            else:
                row = dead_letter(self._service, inbound, described(fault), now)
            async with self._database.transaction() as connection:
                key = inbound.inbox_key if retried else dead_letter_key(inbound)
                if not await inbox.claim(connection, [key], now):
                    return
                if not retried:
                    await inbox.release(connection, inbound.inbox_keys(self._service))
                await outbox.add(connection, [row], now)
        await self._publisher.send([row])
        hooks.run()


def log_split(batch: Sequence[InboundMessage], fault: Exception) -> None:
    """One line about a batch that has to be bisected."""
    bookings = [inbound.booking for inbound in batch if inbound.booking][:BOOKINGS_NAMED]
    log.warning("consumer.batch_split", messages=len(batch), fault=described(fault), bookings=bookings)


def log_fault(inbound: InboundMessage, fault: Exception) -> None:
    """One line about a message that failed; a whole traceback would quote the row that a database error names."""
    envelope, where = inbound.envelope, traceback.format_tb(fault.__traceback__)[-3:]
    with inbound.log_context():
        log.error("consumer.fault", type=envelope.type, id=envelope.id, fault=described(fault), where=where)


def may_be_retried(inbound: InboundMessage) -> bool:
    """Whether a message may come again by the service's own topic.

    An unverified one may not: there it would bear our MAC. Nor one that is too large for the topic.
    """
    key = (inbound.raw.key or b"").decode("utf-8", "replace").encode()
    size = len(key) + len(inbound.raw.value or b"")
    return inbound.verified and size <= dead_letters.MAX_BODY


def schedule_retry(service: str, inbound: InboundMessage, fault: Exception, pause: timedelta, now: datetime) -> Row:
    """The outbox row of another attempt, which comes by the service's own topic."""
    envelope, raw = inbound.envelope, inbound.raw
    on_commit(metrics.SECOND_ATTEMPTS.labels(envelope.type).inc)
    history = dead_letters.extended(inbound.history, envelope.attempt, described(fault), now)
    again = replace(envelope, attempt=envelope.attempt + 1)
    return Row(
        uuid4(),
        internal(service).name,
        (raw.key or b"").decode("utf-8", "replace"),
        dead_letters.retry_headers(raw.headers, again, inbound.origin, history),
        raw.value or b"",
        now + pause,
    )


def dead_letter(service: str, inbound: InboundMessage, fault: str, now: datetime) -> Row:
    """The outbox row of a dead letter, for a person to look at and replay."""
    envelope = inbound.envelope

    def count() -> None:
        metrics.DEAD_LETTERS.labels(known_type(envelope.type)).inc()
        with inbound.log_context():
            log.error("dead_letter", type=known_type(envelope.type), id=envelope.id)

    on_commit(count)
    return dead_letters.row_for(service, dead(service), inbound, fault=fault, now=now)


def dead_letter_key(inbound: InboundMessage) -> UUID:
    """What the inbox remembers of a dead letter: made once for a record, and once more for each replay."""
    replayed = next((value for name, value in inbound.raw.headers if name == dead_letters.LETTER), b"")
    return digest_of("set aside", inbound.origin, inbound.envelope.id, inbound.envelope.attempt, replayed)
