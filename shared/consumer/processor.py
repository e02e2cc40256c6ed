"""Processes messages: the one path from Kafka's bytes, or from a command over HTTP, to a commit.

1. `decode` makes messages of Kafka records (decoding.py), urgent ones apart from the rest.
2. `process_batch` takes a batch of them, `execute` one command of an HTTP request or a webhook.
3. What handlers need from outside is fetched first (`Routes.prefetch`).
4. A batch's `_commit` without locks: load, handle each message, then write inbox, changes and outbox with one
   statement. It fails as a whole where another writer was first or a message was handled before.
5. Where that failed, and for commands, `_commit` under locks: claim the inbox, load, handle, write, in one transaction.
6. After the commit the outbox's rows are sent to Kafka, and the commit hooks run (counts, log lines).
7. Where that failed too (failures.py), a batch is bisected and a faulty message retried later, in the end set aside as
   a dead letter; the caller of a command gets the fault. A database that is away is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog

from shared.clock import Clock, system_clock
from shared.commit_hooks import collecting_hooks, on_commit
from shared.consumer.decoding import Decoder
from shared.consumer.failures import (
    RETRY_PAUSES,
    Failures,
    dead_letter,
    log_fault,
    log_split,
)
from shared.consumer.measuring import Outcome, count_handled, measured
from shared.consumer.odd_records import Record
from shared.consumer.routing import OptimisticRepository, RefusedTooLate, Routes
from shared.database.conflicts import retry_conflicts
from shared.database.outage import wait_out_outage
from shared.database.pool import UNAVAILABLE, Connection, Database
from shared.database.statements import execute_together
from shared.errors import Refusal, described
from shared.messages import inbox
from shared.messages.inbound import InboundMessage, Invalid, Serialized, known_type
from shared.messages.message import Envelope, Message, Outgoing
from shared.messages.record_auth import RecordVerifier
from shared.observability import metrics
from shared.observability.logs import log_context
from shared.observability.tracing import consumer_span, new_traceparent
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row

log = structlog.get_logger(__name__)

COMMAND_SECONDS = 10.0


class Deferred(Exception):
    """A command failed and is tried again later, like a message from Kafka; its caller does not wait for that."""


class Processor:
    """Processes one service's messages. `retry_pauses` come before the second, third … attempt at one that fails."""

    def __init__(
        self,
        routes: Routes[Any],
        database: Database,
        publisher: OutboxPublisher,
        *,
        clock: Clock = system_clock,
        retry_pauses: Sequence[timedelta] = RETRY_PAUSES,
        verifier: RecordVerifier | None = None,
    ) -> None:
        self.routes = routes
        self.source = f"posada/{routes.service}"  # the CloudEvents source of what the service sends
        self.last_progress = time.monotonic()
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._decoder = Decoder(routes, verifier)
        repository = routes.repository
        self._optimistic = repository if isinstance(repository, OptimisticRepository) else None
        self._failures = Failures(
            routes.service, database, publisher, commit=self._commit, clock=clock, pauses=retry_pauses
        )

    def decode(self, records: Sequence[Record]) -> tuple[list[InboundMessage], list[InboundMessage]]:
        """The messages of records that are this service's: the urgent ones, and the rest."""
        now = self._clock()
        decoded = [self._decoder.decode(record, now) for record in records if self._decoder.is_for_this_service(record)]
        return _by_urgency(decoded)

    async def process_batch(self, batch: Sequence[InboundMessage]) -> None:
        """Process messages together: each is committed, scheduled for a retry, or a dead letter when this returns.

        It raises for no message's sake; a database that is away is waited for, however long.
        """
        if batch:
            with measured(batch):
                await self._prefetch(batch)
                await self._process_to_the_end(batch)
        self.note_progress()

    async def execute(
        self,
        command: Message,
        *,
        id: str = "",  # noqa: A002 — CloudEvents' word
        source: str = "",
        seconds: float = COMMAND_SECONDS,
        deferrable: bool = False,
    ) -> list[Message]:
        """Process one command for a caller who awaits its result; returns the messages that it sent at once.

        `id` is the caller's for this command, unique in its `source`: the same again is not handled again and returns
        an empty list. Without one the handler itself has to know a repetition. `seconds` bounds the wait. With
        `deferrable` a command that fails is tried again later, as one from Kafka would be.

        Raises:
            Refusal: it may not be done; nothing was written.
            Conflict: rival writers were always first.
            Deferred: it failed, and is tried again later.
            UNAVAILABLE: it was not, or not surely, taken in: the database is away, or time is up.
        """
        inbound = self._inbound(command, id, source or f"{self.source}/http")
        commit = partial(self._commit, [inbound], locked=True, awaited=True)
        with measured([inbound]):
            async with asyncio.timeout(seconds):
                await self._prefetch([inbound])
                try:
                    return await wait_out_outage(self._database, partial(retry_conflicts, commit))
                except (Refusal, *UNAVAILABLE):
                    raise
                except Exception as fault:
                    if not deferrable:
                        raise
                    await self._failures.retry_or_set_aside(inbound, fault)
                    raise Deferred(described(fault)) from fault

    def note_progress(self) -> None:
        """Note that the consumer came round, with or without work."""
        self.last_progress = time.monotonic()

    async def _commit(self, batch: Sequence[InboundMessage], *, locked: bool, awaited: bool = False) -> list[Message]:
        """Handle a batch and commit what came of it: all of it, or nothing.

        `locked` says how: in a transaction, or without locks and with one statement. Of an `awaited` command a refusal
        is raised; any other is answered by a message. Gives the messages that are sent at once.
        """
        now, repository = self._clock(), self.routes.repository
        load = repository.load if locked or not self._optimistic else self._optimistic.load_optimistic
        with collecting_hooks() as hooks:
            async with self._database.transaction() if locked else self._database.connection() as connection:
                fresh = _distinct(batch)
                if locked:
                    fresh = await self._claimed(connection, fresh, len(batch), now)
                received = [] if locked else [inbox.arrived(list(fresh), now)]

                messages = [one.message for one in fresh.values() if isinstance(one.message, Message)]
                uow = await load(connection, messages, now) if messages else None
                outcomes: list[Outcome] = []
                sends = [
                    send for one in fresh.values() for send in self._handle(uow, one, now, outcomes, awaited=awaited)
                ]
                on_commit(partial(count_handled, outcomes))
                changes = (await repository.save(connection, uow, now) or ()) if messages else ()

                rows = [row for _, row in sends]
                await execute_together(connection, [*received, *changes, *outbox.changes(rows, now)])
        await self._publisher.send(rows)
        hooks.run()
        return [message for message, row in sends if message is not None and row.due is None]

    def _handle(
        self, uow: Any, inbound: InboundMessage, now: datetime, outcomes: list[Outcome], *, awaited: bool
    ) -> list[tuple[Message | None, Row]]:
        """What handling a message sends, each with its outbox row; one that is invalid becomes a dead letter."""
        envelope, message = inbound.envelope, inbound.message
        if isinstance(message, Invalid):
            on_commit(metrics.HANDLED.labels(known_type(envelope.type), "invalid").inc)
            return [(None, dead_letter(self.routes.service, inbound, message.text, now))]
        route, outcome, booking = self.routes.table[type(message)], "handled", message.booking
        before = uow.changes_made if route.refused else 0
        span = consumer_span(envelope.type, envelope.traceparent, **{"posada.booking": booking})
        with log_context(booking, envelope.traceparent), span as trace:
            try:
                sends = [Outgoing.of(send) for send in route.handle(uow, message, now)]
            except Refusal as refusal:
                if awaited or route.refused is None:
                    raise
                if uow.changes_made != before:
                    raise RefusedTooLate(f"{envelope.type} was refused behind a change: {refusal.code}") from None
                sends, outcome = [Outgoing(route.refused(message, refusal))], refusal.code
        outcomes.append((inbound, outcome))
        cause = envelope if trace == envelope.traceparent else replace(envelope, traceparent=trace)
        return [(send.message, outbox.row_of(send, self.source, cause, now)) for send in sends]

    async def _claimed(
        self, connection: Connection, distinct: dict[UUID, InboundMessage], received: int, now: datetime
    ) -> dict[UUID, InboundMessage]:
        """Those that the inbox did not know, which it knows from now on."""
        new = await inbox.claim(connection, list(distinct), now)
        if repeated := received - len(new):
            on_commit(partial(metrics.HANDLED.labels("any", "repeated").inc, repeated))
        return {key: inbound for key, inbound in distinct.items() if key in new}

    async def _process_to_the_end(self, batch: Sequence[InboundMessage]) -> None:
        try:
            await wait_out_outage(self._database, partial(self._commit_or_bisect, batch))
        except UNAVAILABLE as fault:  # though the database answers: find out which message is at fault
            if len(batch) > 1:
                for inbound in batch:
                    await self._process_to_the_end([inbound])
                return
            log_fault(batch[0], fault)
            await wait_out_outage(self._database, partial(self._failures.retry_or_set_aside, batch[0], fault))

    async def _commit_or_bisect(self, batch: Sequence[InboundMessage]) -> None:
        if await self._committed_without_locks(batch):
            return
        try:
            await self._commit(batch, locked=True)
        except UNAVAILABLE:
            raise
        except Exception as fault:
            if len(batch) > 1:
                log_split(batch, fault)
            await self._failures.bisect(batch)

    async def _committed_without_locks(self, batch: Sequence[InboundMessage]) -> bool:
        """False where nothing was written, so that the batch has to be handled under locks."""
        if self._optimistic is None:
            return False
        try:
            await self._commit(batch, locked=False)
        except UNAVAILABLE:
            raise
        except Exception as fault:
            metrics.LOCKED_TURNS.inc()
            log.debug("consumer.locks_needed", messages=len(batch), fault=described(fault))
            return False
        return True

    async def _prefetch(self, batch: Collection[InboundMessage]) -> None:
        """Fetch what handlers need from outside; a fault there is logged and stops nothing."""
        if self.routes.prefetch is None:
            return
        try:
            await self.routes.prefetch([one.message for one in batch if isinstance(one.message, Message)])
        except Exception as fault:
            log.warning("consumer.prefetch_failed", messages=len(batch), fault=described(fault))

    def _inbound(self, command: Message, command_id: str, source: str) -> InboundMessage:
        """A command as it comes in, with what is published for a retry."""
        kind = command.type_name or type(command).__name__
        topic = command.topic.name if command.type_name else ""
        envelope = Envelope(command_id or str(uuid4()), kind, source, traceparent=new_traceparent(), time=self._clock())
        key = command.key.encode() if command.type_name else None
        raw = Serialized(key, command.model_dump_json(exclude_none=True).encode(), envelope.headers())
        return InboundMessage(raw, envelope, command, envelope.inbox_key(self.routes.service, topic), f"{topic}/-1/-1")


def _by_urgency(batch: Sequence[InboundMessage]) -> tuple[list[InboundMessage], list[InboundMessage]]:
    """Urgent messages have a transaction of their own, before the rest: that would only hold them up."""
    urgent: list[InboundMessage] = []
    rest: list[InboundMessage] = []
    for one in batch:
        is_urgent = isinstance(one.message, Message) and one.message.is_urgent
        (urgent if is_urgent else rest).append(one)
    return urgent, rest


def _distinct(batch: Sequence[InboundMessage]) -> dict[UUID, InboundMessage]:
    """The first of each message, by its inbox key."""
    first: dict[UUID, InboundMessage] = {}
    for inbound in batch:
        first.setdefault(inbound.inbox_key, inbound)
    return first
