"""The shell around pure handlers: a batch from Kafka, one transaction, inbox, states, outbox, then the offsets."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from shared.clock import Clock, system_clock
from shared.commit_hooks import CommitHooks, collecting_hooks, on_commit
from shared.consumer import retries
from shared.consumer.decoding import Decoder, InboundMessage, Record, bounded
from shared.consumer.routing import Invalid, Load, OptimisticRepository, Routes, Sends
from shared.database.outage import Outage
from shared.database.pool import CONTENDED, UNAVAILABLE, Connection, Database
from shared.database.statements import Statement, execute_together
from shared.errors import Conflict, Refusal, described
from shared.messages import inbox
from shared.messages.message import Message, Outgoing
from shared.messages.record_auth import RecordVerifier
from shared.observability import metrics
from shared.observability.tracing import consumer_span
from shared.outbox import outbox
from shared.outbox.outbox import Row
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

# Pauses before the second, third … attempt at a message; after the last it is a dead letter.
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (0.2, 1, 5, 30, 120))
CONFLICTS = 10  # attempts at once when rival writers keep being first
FEW = 4  # messages that are not worth halving
BOOKINGS_NAMED = 20  # in a line about a whole batch


class Processor:
    """Handles batches for one service. It never raises for a message's sake; only cancellation ends it early."""

    def __init__(
        self,
        routes: Routes[Any],
        database: Database,
        relay: OutboxPublisher,
        *,
        clock: Clock = system_clock,
        back_off: Sequence[timedelta] = BACK_OFF,
        made_here: bool = False,
        verifier: RecordVerifier | None = None,
    ) -> None:
        self.routes = routes
        self._database = database
        self._relay = relay
        self._clock = clock
        self._back_off = back_off
        self._reader = Decoder(routes, verifier, made_here=made_here)
        repository = routes.repository
        self._optimist = repository if isinstance(repository, OptimisticRepository) else None
        self.last_progress = time.monotonic()

    @property
    def source(self) -> str:
        """The CloudEvents source of what this service sends."""
        return f"posada/{self.routes.service}"

    async def process(self, records: Sequence[Record]) -> None:
        """Handle a batch to its end: when this returns, every record is handled, put off or set aside, durably."""
        for share in self.read(records):
            await self.handle(share)

    def read(self, records: Sequence[Record]) -> tuple[list[InboundMessage], list[InboundMessage]]:
        """The records that are this service's, read: first those that somebody waits for, and the rest."""
        now = self._clock()
        return _by_hurry([self._reader.read(record, now) for record in records if self._reader.is_ours(record)])

    async def handle(self, deliveries: Sequence[InboundMessage]) -> None:
        """Handle deliveries together, to the end of each; nothing to do for none."""
        if deliveries:
            began = time.perf_counter()
            await self._prepare(deliveries)
            await self._outlast(self._take_all, deliveries)
            metrics.BATCH_SECONDS.observe(time.perf_counter() - began)
            metrics.BATCH_MESSAGES.observe(len(deliveries))
        self.alive()

    async def _prepare(self, deliveries: Sequence[InboundMessage]) -> None:
        """What a service wants to know from outside before it handles a batch; whatever fails there stops nobody."""
        if self.routes.prefetch is None:
            return
        try:
            await self.routes.prefetch([one.message for one in deliveries if isinstance(one.message, Message)])
        except Exception as fault:
            log.warning("consumer.unprepared", messages=len(deliveries), fault=described(fault))

    def alive(self) -> None:
        """Note that the consumer came round, with or without work."""
        self.last_progress = time.monotonic()

    async def _outlast(
        self, work: Callable[[Sequence[InboundMessage]], Awaitable[None]], deliveries: Sequence[InboundMessage]
    ) -> None:
        """Wait for the database to come back, however long; what never gets done although it is there is a fault."""
        outage = Outage(self._database)
        while True:
            try:
                await work(deliveries)
            except UNAVAILABLE as fault:
                if not await outage.should_retry(fault):
                    work, outage = partial(self._give_up, fault), Outage(self._database)
            else:
                return

    async def _give_up(self, fault: Exception, deliveries: Sequence[InboundMessage]) -> None:
        """Find out which of several messages is at fault, and put that one off."""
        if len(deliveries) == 1:
            envelope = deliveries[0].envelope
            log.error("consumer.fault", type=envelope.type, id=envelope.id, fault=described(fault))
            await self._put_off(deliveries[0], fault)
            return
        for delivery in deliveries:
            await self._outlast(self._take_all, [delivery])

    async def _take_all(self, deliveries: Sequence[InboundMessage]) -> None:
        if self._optimist and await self._took_at_once(self._optimist, deliveries):
            return
        try:
            await self._in_one_transaction(deliveries)
        except UNAVAILABLE:
            raise
        except Exception as fault:
            if len(deliveries) > 1:
                about = [delivery.booking for delivery in deliveries if delivery.booking]
                log.warning(
                    "consumer.batch_split",
                    messages=len(deliveries),
                    fault=described(fault),
                    bookings=about[:BOOKINGS_NAMED],
                )
            await self._take_in_parts(deliveries)

    async def _take_in_parts(self, deliveries: Sequence[InboundMessage]) -> None:
        """Halve a batch that failed until the message at fault is alone: the rest still shares transactions.

        One message after the other would take so long, where a backlog makes batches large, that the backlog grows.
        """
        if len(deliveries) <= FEW:
            for delivery in deliveries:
                await self._take_one(delivery)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            try:
                await self._in_one_transaction(half)
            except UNAVAILABLE:
                raise
            except Exception:  # told of the whole batch; what remains of it is told of the message alone
                await self._take_in_parts(half)

    async def _take_one(self, delivery: InboundMessage) -> None:
        for left in reversed(range(CONFLICTS)):
            try:
                await self._in_one_transaction([delivery])
            except UNAVAILABLE:
                raise
            except Exception as fault:
                if left and isinstance(fault, (Conflict, *CONTENDED)):
                    continue
                with delivery.in_logs():
                    log.error(  # noqa: TRY400 — a traceback would quote the row that a database error speaks of
                        "consumer.fault",
                        type=delivery.envelope.type,
                        id=delivery.envelope.id,
                        fault=described(fault),
                        where=traceback.format_tb(fault.__traceback__)[-3:],
                    )
                await self._put_off(delivery, fault)
            return

    async def _took_at_once(self, repository: OptimisticRepository[Any], deliveries: Sequence[InboundMessage]) -> bool:
        """Handle a batch without locks and write it with one statement, the usual case; False: nothing was written.

        The statement itself finds out whether a message was handled before or another writer was first. Whatever
        stands in its way is left to the transaction that locks.
        """
        now = self._clock()
        fresh = _distinct(deliveries)
        with collecting_hooks() as hooks:
            try:
                async with self._database.connection() as connection:
                    rows, changes = await self._handle(connection, fresh.values(), repository.load_optimistic, now)
                    arrived = inbox.arrived(list(fresh), now)
                    await execute_together(connection, [arrived, *changes, *outbox.changes(rows, now)])
            except UNAVAILABLE:
                raise
            except Exception as fault:
                metrics.LOCKED_TURNS.inc()
                log.debug("consumer.second_look", messages=len(deliveries), fault=described(fault))
                return False
        await self._sent(rows, hooks)
        return True

    async def _in_one_transaction(self, deliveries: Sequence[InboundMessage]) -> None:
        now = self._clock()
        with collecting_hooks() as hooks:
            async with self._database.transaction() as connection:
                fresh = await self._not_seen(connection, deliveries, now)
                rows, changes = await self._handle(connection, fresh, self.routes.repository.load, now)
                await execute_together(connection, [*changes, *outbox.changes(rows, now)])
        await self._sent(rows, hooks)

    async def _sent(self, rows: Sequence[Row], hooks: CommitHooks) -> None:
        """Behind the commit: send, and tell what happened."""
        await self._relay.send(rows)
        hooks.tell()

    async def _not_seen(
        self, connection: Connection, deliveries: Sequence[InboundMessage], now: datetime
    ) -> list[InboundMessage]:
        first = _distinct(deliveries)
        new = await inbox.claim(connection, list(first), now)
        if len(new) < len(deliveries):
            on_commit(partial(metrics.HANDLED.labels("any", "repeated").inc, len(deliveries) - len(new)))
        return [delivery for key, delivery in first.items() if key in new]

    async def _handle(
        self, connection: Connection, deliveries: Collection[InboundMessage], load: Load, now: datetime
    ) -> tuple[list[Row], Sequence[Statement]]:
        rows: list[Row] = []
        changes: Sequence[Statement] = ()
        known = [delivery for delivery in deliveries if isinstance(delivery.message, Message)]
        if known:
            messages = [delivery.message for delivery in known if isinstance(delivery.message, Message)]
            uow = await load(connection, messages, now)
            for delivery in known:
                rows += self._answer(uow, delivery, now)
            changes = await self.routes.repository.save(connection, uow, now) or ()
        for delivery in deliveries:
            if isinstance(delivery.message, Invalid):
                rows.append(self._set_aside_invalid(delivery, delivery.message, now))
        return rows, changes

    def _answer(self, uow: Any, delivery: InboundMessage, now: datetime) -> list[Row]:
        with delivery.in_logs():
            return self._answer_named(uow, delivery, now)

    def _answer_named(self, uow: Any, delivery: InboundMessage, now: datetime) -> list[Row]:
        envelope, message = delivery.envelope, delivery.message
        outcome = "handled"
        with consumer_span(envelope.type, envelope.traceparent, **{"posada.booking": delivery.booking}) as trace:
            route = self.routes.table[type(message)]  # type: ignore[index]
            sends: Sends
            try:
                sends = list(route.handle(uow, message, now))
            except Refusal as refusal:
                if route.refused is None:
                    raise
                sends, outcome = [route.refused(message, refusal)], refusal.code
            cause = replace(envelope, traceparent=trace)
        on_commit(partial(_tell_handled, envelope.type, outcome))
        return [outbox.row_of(Outgoing.of(send), self.source, cause, now) for send in sends]

    def _set_aside_invalid(self, delivery: InboundMessage, invalid: Invalid, now: datetime) -> Row:
        """What nobody can answer is kept for a person, with what is wrong with it."""
        on_commit(metrics.HANDLED.labels(bounded(delivery.envelope.type), "invalid").inc)
        return retries.dead_letter(self.routes.service, delivery, invalid.text, now)

    async def _put_off(self, delivery: InboundMessage, fault: Exception) -> None:
        """Give a message another attempt later, or after the last one set it aside with its history."""
        now = self._clock()
        attempt, service = delivery.envelope.attempt, self.routes.service
        again = attempt < len(self._back_off) and retries.may_be_retried(delivery)
        with collecting_hooks() as hooks:
            if again:
                row = retries.schedule(service, delivery, fault, self._back_off[attempt], now)
            else:
                row = retries.dead_letter(service, delivery, described(fault), now)
            async with self._database.transaction() as connection:
                key = delivery.inbox_key if again else delivery.set_aside_key
                if not await inbox.claim(connection, [key], now):
                    return
                if not again:
                    await inbox.release(connection, delivery.claimed(service))
                await outbox.add(connection, [row], now)
        await self._sent([row], hooks)


def _tell_handled(type_name: str, outcome: str) -> None:
    metrics.HANDLED.labels(type_name, outcome).inc()
    log.info("handled", type=type_name, outcome=outcome)


def _by_hurry(deliveries: Sequence[InboundMessage]) -> tuple[list[InboundMessage], list[InboundMessage]]:
    """Those that somebody waits for have a transaction of their own, before the rest: that would only hold them up."""
    waited_for: list[InboundMessage] = []
    rest: list[InboundMessage] = []
    for one in deliveries:
        hurry = isinstance(one.message, Message) and one.message.in_a_hurry
        (waited_for if hurry else rest).append(one)
    return waited_for, rest


def _distinct(deliveries: Sequence[InboundMessage]) -> dict[UUID, InboundMessage]:
    """The first of each message, by its inbox key."""
    first: dict[UUID, InboundMessage] = {}
    for delivery in deliveries:
        first.setdefault(delivery.inbox_key, delivery)
    return first
