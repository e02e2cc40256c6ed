"""Runs errands to outside systems: each between two transactions, those of one booking one after the other.

A claim is a lease that is renewed while the errand runs; what a process took and never finished is another's when the
lease ends, and the journal of attempts keeps it from booking twice. One that fails is tried again after growing
pauses, a bounded number of times; then whoever waits is answered, and staff told what is left to do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import structlog

from services.availability.catalogue import CatalogueRepository
from services.availability.external import store as queries
from services.availability.external.adapters.settings import ExternalClientSettings
from services.availability.external.calls import JobExecutor, JobResult
from services.availability.external.clients import ExternalClients
from services.availability.external.journal import BookingAttemptJournal
from services.availability.external.store import Taken
from services.availability.repository import Repository
from shared.clock import Clock, system_clock
from shared.database.pool import UNAVAILABLE, Database
from shared.database.statements import execute_together
from shared.errors import described
from shared.messages.message import Outgoing
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

AT_ONCE = 32  # errands of one instance
POLL_SECONDS = 0.1
LEASE = timedelta(seconds=60)
RENEW_SECONDS = 20.0
SOURCE = "posada/availability"
# Before the second, third … attempt; a process that died with an errand in hand has made one.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120))
MOST_ATTEMPTS = len(PAUSES) + 1


class ExternalJobs:
    """The errands of one instance; several share them."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        records: CatalogueRepository,
        clock: Clock = system_clock,
        *,
        manners: ExternalClientSettings | None = None,
        dice: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._database = database
        self._clock = clock
        self._manners = manners or ExternalClientSettings()
        self._systems = ExternalClients(records, self._manners)
        self._calls = JobExecutor(database, repository, self._systems, BookingAttemptJournal(database, clock), dice)
        self.free_rooms = self._systems.free_rooms

    async def run(self, relay: OutboxPublisher) -> None:
        """Run errands for ever."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                taken = await self._taken(AT_ONCE - len(running))
                running |= {asyncio.create_task(self._one(one, relay)) for one in taken}
                if not running:
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                ended, running = await asyncio.wait(running, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for one in ended:
                    one.result()
        except Exception:
            await asyncio.gather(*running, return_exceptions=True)  # calls that are under way get their notes
            raise
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._systems.close()  # after a fault it runs again, with clients of its own

    async def turn(self, relay: OutboxPublisher) -> int:
        """Run those that are due now; returns how many."""
        taken = await self._taken(AT_ONCE)
        results = await asyncio.gather(*[self._one(one, relay) for one in taken], return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(taken)

    async def _taken(self, most: int) -> list[Taken]:
        if not most:
            return []
        async with self._database.connection() as connection:
            return await queries.claim(connection, self._clock(), LEASE, most=most, at_once=self._manners.at_once)

    async def _one(self, taken: Taken, relay: OutboxPublisher) -> None:
        async with self._leased(taken.errand.id):
            end = await self._end_of(taken)
        if end is not None:
            await self._write(taken, end, relay)

    async def _end_of(self, taken: Taken) -> JobResult | None:
        """What came of it; None where it is tried again later."""
        problem = taken.problem or "it was begun and not ended"
        if taken.attempts <= MOST_ATTEMPTS:
            try:
                return await self._calls.made(taken.errand)
            except UNAVAILABLE:
                raise
            except Exception as fault:
                problem = described(fault)
                log.warning("errand.failed", kind=taken.errand.kind, attempt=taken.attempts, problem=problem)
        if taken.attempts < MOST_ATTEMPTS:
            async with self._database.connection() as connection:
                due = self._clock() + PAUSES[taken.attempts - 1]
                await queries.later(connection, taken.errand.id, due, problem)
            return None
        log.error("errand.given_up", kind=taken.errand.kind, booking=str(taken.errand.booking_id), problem=problem)
        try:
            return await self._calls.given_up(taken.errand, problem, min(taken.attempts, MOST_ATTEMPTS))
        except UNAVAILABLE:
            raise
        except Exception as fault:
            log.exception("errand.cannot_be_answered", kind=taken.errand.kind, booking=str(taken.errand.booking_id))
            return JobResult(problem=described(fault))

    async def _write(self, taken: Taken, end: JobResult, relay: OutboxPublisher) -> None:
        now, errand = self._clock(), taken.errand
        sends = [outbox.row_of(Outgoing.of(message), SOURCE, None, now) for message in end.messages]
        async with self._database.transaction() as connection:
            if end.problem:
                first = await queries.give_up(connection, errand.id, now, end.problem)
            else:
                first = await queries.done(connection, errand.id)
            if not first:
                return  # another instance was faster
            if end.follows:
                await execute_together(connection, [queries.added(end.follows)])
            await outbox.add(connection, sends, now)
        await relay.send(sends)

    @asynccontextmanager
    async def _leased(self, errand_id: UUID) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renew(errand_id))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, errand_id: UUID) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            async with self._database.connection() as connection:
                await queries.renew(connection, errand_id, self._clock(), LEASE)
