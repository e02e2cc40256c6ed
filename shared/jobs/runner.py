"""Runs jobs: each a call to an external system between two transactions.

A job is claimed for the time of a lease, which is renewed while it runs: what a process took and never finished is
another's when its lease ends. The call is made outside any transaction, within a deadline. What came of it is written
in one transaction, however long the database is away, with the messages that follow from it. A call that fails is
tried again after growing pauses; after its last attempt it is abandoned, which is written as well: no job goes on for
ever, also not one whose process died in each attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic

import structlog

from shared.clock import Clock, system_clock
from shared.commit_hooks import collecting_hooks
from shared.database.outage import wait_out_outage
from shared.database.pool import UNAVAILABLE, Database
from shared.errors import CallFailed, described, place_of
from shared.jobs.port import Chore, J, JobLimits, JobStore, JobTransaction, R
from shared.jobs.wake import WakeSignal
from shared.messages.message import Outgoing
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

FAREWELL_SECONDS = 5.0  # how long a stopping instance waits for calls; leases cover what it then leaves
NOT_ENDED = CallFailed("it was begun and not ended", final=True)


@dataclass(frozen=True, slots=True, eq=False)
class Ended(Generic[J, R]):
    """A job after its call: with its result, or with the failure."""

    job: J
    result: R | None = None
    failure: CallFailed | None = None


class JobRunner(Generic[J, R]):
    """Works on one service's jobs; several instances share them. `name` says in logs which jobs they are."""

    def __init__(
        self,
        name: str,
        database: Database,
        store: JobStore[J, R],
        limits: JobLimits,
        *,
        source: str,
        clock: Clock = system_clock,
        wake: WakeSignal | None = None,
    ) -> None:
        self._name = name
        self._database = database
        self._store = store
        self._limits = limits
        self._source = source
        self._clock = clock
        self._wake = wake or WakeSignal()
        self._running: dict[asyncio.Task[None], J] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._ended: list[Ended[J, R]] = []
        self._recording = asyncio.Lock()

    async def run(self, publisher: OutboxPublisher) -> None:
        """Work for ever; on cancellation, wait a while for what is under way and record it."""
        try:
            while True:
                await self.begin(publisher)
                await self._wake.wait(self._limits.poll_seconds)
        except asyncio.CancelledError:
            await self._stop()
            raise

    async def run_due(self, publisher: OutboxPublisher) -> int:
        """Run what is due now to its end; returns how many jobs that were."""
        begun = await self.begin(publisher)
        while self._running:
            await asyncio.wait(self._running)
        return begun

    async def begin(self, publisher: OutboxPublisher) -> int:
        """Claim what is due and begin it; returns how many jobs that were."""
        for chore in self._store.chores():
            await self._do(chore, publisher)
        running = list(self._running.values())
        limit = max(0, self._limits.at_once - len(running))
        async with self._transaction(publisher) as tx:
            claimed = await self._store.claim(tx, limit, running, self._limits.lease)
        for job in claimed:
            task = asyncio.create_task(self._run_one(job, publisher), name=self._name)
            self._running[task] = job
            task.add_done_callback(self._let_go)
        if self._running and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name=f"{self._name}: leases")
        return len(claimed)

    async def _do(self, chore: Chore, publisher: OutboxPublisher) -> None:
        """Do a chore; where it fails, it comes again before the next claim."""
        try:
            async with self._transaction(publisher) as tx:
                await chore(tx)
        except UNAVAILABLE:
            raise
        except Exception:
            log.exception("job.chore_failed", jobs=self._name, chore=getattr(chore, "__name__", ""))

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not self._running and self._renewing:
            self._renewing.cancel()
            self._renewing = None
        self._wake.set()

    async def _run_one(self, job: J, publisher: OutboxPublisher) -> None:
        try:
            await self._record(await self._executed(job), publisher)
        except UNAVAILABLE as outage:
            log.warning("job.left_to_its_lease", jobs=self._name, outage=described(outage))
        except Exception:
            log.exception("job.not_recorded", jobs=self._name)

    async def _executed(self, job: J) -> Ended[J, R]:
        if self._limits.retries.is_over(job.attempt):
            return Ended(job, failure=NOT_ENDED)
        deadline = asyncio.timeout(self._limits.deadline.total_seconds())
        try:
            async with deadline:
                return Ended(job, await self._store.execute(job))
        except CallFailed as failure:
            return Ended(job, failure=failure)
        except UNAVAILABLE:
            if not deadline.expired():
                raise  # the database is away: the result of the call is not known
            return Ended(job, failure=CallFailed("it took too long", unsure=True))
        except Exception as fault:  # its words may quote anything
            log.error("job.fault", jobs=self._name, fault=type(fault).__name__, at=place_of(fault))  # noqa: TRY400
            return Ended(job, failure=CallFailed(type(fault).__name__, unsure=True))

    async def _record(self, ended: Ended[J, R], publisher: OutboxPublisher) -> None:
        if not self._store.together:
            await self._write([ended], publisher)
            return
        self._ended.append(ended)
        async with self._recording:  # what ends meanwhile is written with the next
            batch, self._ended = self._ended, []
            if batch:
                await self._write(batch, publisher)

    async def _write(self, batch: Sequence[Ended[J, R]], publisher: OutboxPublisher) -> None:
        """Write what came of jobs, as soon as the database answers; a result that fails does not lose the others."""
        try:
            await wait_out_outage(self._database, partial(self._write_once, batch, publisher))
        except UNAVAILABLE:
            raise
        except Exception as fault:
            if len(batch) == 1:
                raise
            log.warning("job.written_alone", jobs=self._name, fault=described(fault))
            for one in batch:
                await self._write_alone(one, publisher)

    async def _write_alone(self, ended: Ended[J, R], publisher: OutboxPublisher) -> None:
        try:
            await self._write([ended], publisher)
        except UNAVAILABLE:
            raise
        except Exception:
            log.exception("job.not_recorded", jobs=self._name, attempt=ended.job.attempt)

    async def _write_once(self, batch: Sequence[Ended[J, R]], publisher: OutboxPublisher) -> None:
        results: list[tuple[J, R]] = [(one.job, one.result) for one in batch if one.failure is None]  # type: ignore[misc]
        alone = len(results) == len(batch) and self._store.is_one_statement(results)
        async with self._transaction(publisher, alone=alone) as tx:
            if results:
                await self._store.done(tx, results)
            for one in batch:
                if one.failure:
                    await self._write_failure(tx, one.job, one.failure)

    async def _write_failure(self, tx: JobTransaction, job: J, failure: CallFailed) -> None:
        retry_at = self._limits.retries.retry_at(job.attempt, failure, tx.now)
        facts = {"jobs": self._name, "attempt": job.attempt, "problem": failure.problem}
        if retry_at is None:
            log.error("job.abandoned", **facts)
            await self._store.abandon(tx, job, failure)
        else:
            log.warning("job.failed", **facts)
            await self._store.failed(tx, job, failure, retry_at)

    @asynccontextmanager
    async def _transaction(self, publisher: OutboxPublisher, *, alone: bool = False) -> AsyncIterator[JobTransaction]:
        """A transaction, and behind its commit the messages and hooks; `alone` for one statement needs none."""
        now = self._clock()
        opened = self._database.connection() if alone else self._database.transaction()
        with collecting_hooks() as hooks:
            async with opened as connection:
                tx = JobTransaction(connection, now)
                yield tx
                rows = [outbox.row_of(Outgoing.of(one), self._source, None, now) for one in tx.messages]
                if rows:
                    await outbox.add(connection, rows, now)
        hooks.run()
        await publisher.send(rows)

    async def _renew(self) -> None:
        lease = self._limits.lease
        while True:
            await asyncio.sleep(lease.total_seconds() / self._limits.renewals)
            try:
                async with self._database.connection() as connection:
                    await self._store.renew(connection, list(self._running.values()), self._clock() + lease)
            except UNAVAILABLE as outage:
                log.warning("job.not_renewed", jobs=self._name, outage=described(outage))

    async def _stop(self) -> None:
        try:
            if self._running:
                await asyncio.wait(self._running, timeout=FAREWELL_SECONDS)
        finally:
            tasks = [*self._running, *([self._renewing] if self._renewing else [])]
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
            await self._store.close()
