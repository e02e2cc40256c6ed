"""Sends what is due: each delivery is a job, handed to its channel's provider outside of any transaction.

When a message can go out twice: a provider took it, and the process died, or lost the database for longer than the
lease, before the commit that records it; or its answer was lost on the way. None of our providers has an idempotency
key for messages. So a claim marks a delivery as unsure until its outcome is recorded, and before an unsure one is sent
again the provider is asked whether it has it, if its sender has `trace`. For the others the window stays open between
their answer and that commit: one round trip to the database, with at most `at_once` messages of a channel in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog

from services.notifications.content import NotificationComposer
from services.notifications.delivery.attempt import DeliveryAttempt
from services.notifications.delivery.metrics import AWAY, DELIVERIES, DELIVERY_SECONDS
from services.notifications.delivery.model import BACK_OFF, PATIENCE, Audience, Channel, Claimed, Outcome, Status
from services.notifications.delivery.store import Lost
from services.notifications.providers import Sender
from services.notifications.repository import Repository
from shared.clock import Clock, system_clock
from shared.commit_hooks import on_commit
from shared.database.pool import Connection, Database
from shared.errors import CallFailed
from shared.jobs.port import Chore, JobLimits, JobStore, JobTransaction, RetrySchedule
from shared.jobs.runner import JobRunner
from shared.jobs.wake import WakeSignal
from shared.observability.logs import log_context
from shared.observability.tracing import client_span

log = structlog.get_logger(__name__)

SOURCE = "posada/notifications"
# How long it goes on is the delivery's own rule: a provider that asks for a pause ends nothing.
RETRIES = RetrySchedule(BACK_OFF, bounded=False)


def delivery_runner(
    database: Database,
    repository: Repository,
    composer: NotificationComposer,
    senders: Mapping[Channel, Sender],
    *,
    at_once: int,
    send_seconds: float,
    lease: timedelta,
    clock: Clock = system_clock,
    wake: WakeSignal | None = None,
) -> JobRunner[Claimed, Outcome]:
    """Sends the deliveries of one instance.

    `at_once` bounds the messages under way on each channel, so that a slow provider holds up only its own channel;
    `send_seconds` bounds each wait for a provider.
    """
    attempts = DeliveryAttempt(database, repository, composer, senders, seconds=send_seconds, clock=clock)
    store = DeliveryJobs(repository, composer, attempts, at_once)
    # An attempt hands a message over twice where the provider wants a template.
    deadline = timedelta(seconds=2 * send_seconds) + lease
    limits = JobLimits(at_once * len(senders), lease, deadline, RETRIES)
    return JobRunner("deliveries", database, store, limits, source=SOURCE, clock=clock, wake=wake)


class DeliveryJobs(JobStore[Claimed, Outcome]):
    """Deliveries as jobs; what follows from reports and from absent providers is written before them."""

    together = True

    def __init__(
        self, repository: Repository, composer: NotificationComposer, attempts: DeliveryAttempt, at_once: int
    ) -> None:
        self._repository = repository
        self._composer = composer
        self._attempts = attempts
        self._at_once = at_once

    def chores(self) -> Sequence[Chore]:
        """Take in reports, and give up on absent providers."""
        absent = [channel for channel, breaker in self._attempts.breakers.items() if breaker.nothing_passes]
        return (self._apply_reports, *([partial(self._lapse, absent)] if absent else []))

    async def _apply_reports(self, tx: JobTransaction) -> None:
        self._alert(tx, await self._repository.apply_reports(tx.connection, tx.now))

    async def _lapse(self, absent: Sequence[Channel], tx: JobTransaction) -> None:
        self._alert(tx, await self._repository.lapse(tx.connection, absent, tx.now - PATIENCE, tx.now))

    async def claim(
        self, tx: JobTransaction, limit: int, running: Sequence[Claimed], lease: timedelta
    ) -> Sequence[Claimed]:
        """Claim what is due on each channel, unless its provider is away."""
        for channel, breaker in self._attempts.breakers.items():
            AWAY.labels(channel).set(breaker.is_away(tx.now))
        under_way = Counter(one.delivery.channel for one in running)
        slots = {
            channel: free
            for channel, breaker in self._attempts.breakers.items()
            if (free := breaker.allows(under_way[channel], self._at_once, tx.now)) > 0
        }
        return await self._repository.claim(tx.connection, slots, tx.now, lease) if slots else []

    async def renew(self, connection: Connection, jobs: Sequence[Claimed], until: datetime) -> None:
        """Keep deliveries for longer."""
        await self._repository.renew(connection, jobs, until)

    async def execute(self, job: Claimed) -> Outcome:
        """Hand a message over; what came of it is an outcome in any case."""
        with DELIVERY_SECONDS.labels(job.delivery.channel).time(), _in_its_trace(job):
            return await self._attempts.make(job)

    def is_one_statement(self, results: Sequence[tuple[Claimed, Outcome]]) -> bool:
        """Unless one has failed for good, which wakes the next channel."""
        return all(outcome.status is not Status.FAILED for _, outcome in results)

    async def done(self, tx: JobTransaction, results: Sequence[tuple[Claimed, Outcome]]) -> None:
        """Write outcomes, and what follows from failures."""
        await self._record(tx, [outcome for _, outcome in results])

    async def failed(self, tx: JobTransaction, job: Claimed, failure: CallFailed, retry_at: datetime) -> None:
        """Write a fault of ours as a failure of the provider's."""
        await self._record(tx, [self._attempts.outcome_after(job, failure)])

    async def abandon(self, tx: JobTransaction, job: Claimed, failure: CallFailed) -> None:
        """Write that the channel has failed."""
        await self._record(tx, [self._attempts.outcome_after(job, failure)])

    async def close(self) -> None:
        """Close the providers' connections."""
        for sender in set(self._attempts.senders.values()):
            await sender.close()

    async def _record(self, tx: JobTransaction, outcomes: Sequence[Outcome]) -> None:
        lost = await self._repository.record(tx.connection, outcomes, tx.now)
        self._alert(tx, lost)
        for one in outcomes:
            on_commit(partial(_count, one))

    def _alert(self, tx: JobTransaction, lost: Sequence[Lost]) -> None:
        for one in lost:
            on_commit(partial(log.warning, "delivery.nobody_told", booking=str(one.booking_id), audience=one.audience))
            if one.audience is Audience.GUEST:
                tx.messages.append(
                    self._composer.unreached(one.booking_id, one.occasion, one.channels, one.property_id)
                )


@contextmanager
def _in_its_trace(claimed: Claimed) -> Iterator[None]:
    """Lines and spans of a sending belong to the booking and to the trace of the event."""
    delivery = claimed.delivery
    with (
        log_context(str(delivery.booking_id), delivery.traceparent),
        client_span(f"send {delivery.channel}", delivery.traceparent, **{"posada.booking": str(delivery.booking_id)}),
    ):
        yield


def _count(outcome: Outcome) -> None:
    claimed, channel = outcome.claimed, outcome.claimed.delivery.channel
    DELIVERIES.labels(channel, outcome.status).inc()
    with log_context(str(claimed.delivery.booking_id), claimed.delivery.traceparent):
        log.info("delivery", number=claimed.number, channel=channel, status=outcome.status, attempt=claimed.attempt)
