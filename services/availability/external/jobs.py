"""Calls to external systems as jobs: those of one booking one after the other, a bounded number to each system.

What a process took and never finished is another's when the lease ends, and the journal of attempts keeps it from
booking twice. In the end the saga is answered, and staff are alerted to what is left to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

import structlog

from services.availability.external import store as queries
from services.availability.external.calls import JobExecutor, JobResult
from services.availability.external.clients import ExternalClients
from services.availability.external.store import BookingAttemptJournal, ClaimedJob
from services.availability.repository import Repository
from shared.clock import Clock, system_clock
from shared.database.pool import UNAVAILABLE, Connection, Database
from shared.database.statements import execute_together
from shared.errors import CallFailed, described
from shared.jobs.port import JobLimits, JobStore, JobTransaction, RetrySchedule
from shared.jobs.runner import NOT_ENDED, JobRunner
from shared.jobs.wake import WakeSignal

log = structlog.get_logger(__name__)

SOURCE = "posada/availability"
RETRIES = RetrySchedule(tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120)))
# A booking of many rooms makes many calls, each within its system's own bound.
LIMITS = JobLimits(at_once=32, lease=timedelta(seconds=60), deadline=timedelta(minutes=30), retries=RETRIES)


def external_runner(
    database: Database,
    repository: Repository,
    clients: ExternalClients,
    *,
    clock: Clock = system_clock,
    dice: Callable[[], random.Random] = random.SystemRandom,
    wake: WakeSignal | None = None,
    limits: JobLimits = LIMITS,
) -> JobRunner[ClaimedJob, JobResult]:
    """Makes the calls of one instance."""
    executor = JobExecutor(database, repository, clients, BookingAttemptJournal(database.connection, clock), dice)
    store = ExternalJobs(executor, clients)
    return JobRunner("external calls", database, store, limits, source=SOURCE, clock=clock, wake=wake)


class ExternalJobs(JobStore[ClaimedJob, JobResult]):
    """Calls that are made, put off, given up, and begun anew."""

    def __init__(self, executor: JobExecutor, clients: ExternalClients) -> None:
        self._executor = executor
        self._clients = clients

    async def claim(
        self, tx: JobTransaction, limit: int, running: Sequence[ClaimedJob], lease: timedelta
    ) -> Sequence[ClaimedJob]:
        """Take calls that are due: the first of each booking, at most so many of each system."""
        return await queries.claim(tx.connection, tx.now, lease, limit=limit, per_system=self._clients.at_once)

    async def renew(self, connection: Connection, jobs: Sequence[ClaimedJob], until: datetime) -> None:
        """Keep calls that are under way."""
        await queries.renew(connection, [one.job.id for one in jobs], until)

    async def execute(self, job: ClaimedJob) -> JobResult:
        """Look, order or cancel."""
        return await self._executor.execute(job.job)

    async def done(self, tx: JobTransaction, results: Sequence[tuple[ClaimedJob, JobResult]]) -> None:
        """Send what is answered, and have what follows done."""
        for job, result in results:
            await self._write(tx, job, result)

    async def failed(self, tx: JobTransaction, job: ClaimedJob, failure: CallFailed, retry_at: datetime) -> None:
        """Put the call off."""
        await queries.retry_later(tx.connection, job.job.id, retry_at, failure.problem)

    async def abandon(self, tx: JobTransaction, job: ClaimedJob, failure: CallFailed) -> None:
        """Answer the saga, and alert staff to what is left; what cannot even be answered waits for a person."""
        problem = (failure is NOT_ENDED and job.problem) or failure.problem
        journal = BookingAttemptJournal(lambda: nullcontext(tx.connection), lambda: tx.now)
        try:
            result = await self._executor.abandon(job.job, problem, min(job.attempt, RETRIES.attempts), journal)
        except UNAVAILABLE:
            raise
        except Exception as fault:
            log.exception("job.cannot_be_answered", kind=job.job.kind, booking=str(job.job.booking_id))
            result = JobResult(problem=described(fault))
        await self._write(tx, job, result)

    async def close(self) -> None:
        """Close the connections to external systems."""
        await self._clients.close()

    async def _write(self, tx: JobTransaction, job: ClaimedJob, result: JobResult) -> None:
        if result.problem:
            first = await queries.give_up(tx.connection, job.job.id, tx.now, result.problem)
        else:
            first = await queries.done(tx.connection, job.job.id)
        if first:  # else another instance was faster
            if result.follows:
                await execute_together(tx.connection, [queries.added(result.follows)])
            tx.messages += result.messages
