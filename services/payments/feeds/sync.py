"""Synchronises the feeds: each page with its cursor in one transaction, one at a time, and soon again only if asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from services.payments.feeds import store as feeds
from services.payments.feeds.lines import BrokenLine, PassedOver
from services.payments.feeds.port import FeedDown, Page, Source
from services.payments.repository import Repository
from services.payments.transfers import Contradiction, Intake, Origin, intake_of, payment_of
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.clock import Clock
from shared.contracts.payments import (
    FromSource,
    MarkFrustrated,
    ReservePayment,
    SearchDue,
    TransferArrived,
    TransferReversed,
    VerifyPayment,
)
from shared.database.conflicts import retry_conflicts
from shared.database.pool import CONTENDED, UNAVAILABLE, Connection, Database
from shared.database.statements import execute_together
from shared.errors import Conflict, described
from shared.messages.message import Message, Outgoing
from shared.outbox import outbox
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

SOURCE = "posada/payments"
Told: TypeAlias = TransferArrived | TransferReversed
Record: TypeAlias = Callable[[UnitOfWork, Told, datetime], Sends]
_NEEDS_NEWS = (ReservePayment, SearchDue, VerifyPayment, MarkFrustrated)


@dataclass
class Synchronised:
    """What came of reading one feed."""

    source: str
    lines: int = 0
    broken: int = 0
    problem: str | None = None


class FeedSync:
    """Reads all feeds. An attempt at finding money waits for it, at most `seconds`; a failure of a feed is noted.

    Feeds are read without a lease: an attempt needs what is there now, and a line that two instances read counts once.

    `record` handles a transfer that arrived or was taken back. What was read less than `fresh_seconds` ago is fresh: a
    hundred attempts at once read each feed once.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        repository: Repository,
        database: Database,
        clock: Clock,
        *,
        record: Record,
        seconds: float = 10,
        fresh_seconds: float = 1,
    ) -> None:
        self._sources = sources
        self._repository = repository
        self._database = database
        self._clock = clock
        self._record_transfer = record
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")

    async def prefetch(self, messages: Sequence[Message]) -> None:
        """Read the feeds before a batch that looks for money is handled."""
        if self._sources and any(isinstance(message, _NEEDS_NEWS) for message in messages):
            await self.synchronise()

    async def synchronise(self) -> list[Synchronised]:
        """Read every feed to its end, one after the other; never raises for a feed's sake."""
        async with self._lock:
            if time.monotonic() - self._read_at < self._fresh_seconds:
                return []
            done = [await self._read(source) for source in self._sources]
            self._read_at = time.monotonic()
            return done

    def watching(self, every_seconds: float) -> Callable[[OutboxPublisher], Awaitable[None]]:
        """A background work that reads the feeds again and again."""

        async def loop(_: OutboxPublisher) -> None:
            while True:
                await self.synchronise()
                await asyncio.sleep(every_seconds)

        return loop

    async def keep_broken(self, source: str, file: str, lines: Sequence[BrokenLine]) -> None:
        """Keep lines that could not be taken for correction; those that were kept before stay as they are."""
        async with self._database.connection() as connection:
            await feeds.keep_broken(connection, source, file, lines, self._clock())

    async def note_intake(self, intake: Intake) -> None:
        """Note what came in; told again it is noted once."""
        async with self._database.connection() as connection:
            await feeds.came_in(connection, intake)

    async def _read(self, source: Source) -> Synchronised:
        result = Synchronised(source.name)
        try:
            async with asyncio.timeout(self._seconds):
                async with self._database.connection() as connection:
                    cursor = await feeds.cursor(connection, source.name)
                async for page in source.pages(cursor):
                    result.broken += await self._record(source.name, page)
                    result.lines += len(page.lines)
                    await page.recorded()
        except (FeedDown, TimeoutError) as down:
            result.problem = str(down) or f"{source.name} took longer than {self._seconds:g} s"
        except UNAVAILABLE:
            raise
        except Exception as fault:  # a fault in one feed must not take the others' money with it
            result.problem = f"{source.name}: {described(fault)}"
        if result.problem:
            log.warning("feed.down", source=source.name, problem=result.problem)
            async with self._database.connection() as connection:
                await feeds.failed(connection, source.name, result.problem, self._clock())
        return result

    async def _record(self, source: str, page: Page) -> int:
        async def record() -> int:
            async with self._database.transaction() as connection:
                return await self._write(connection, source, page, self._clock())

        try:
            return await retry_conflicts(record)
        except (Conflict, *CONTENDED) as rival:
            raise FeedDown(f"{source}: {described(rival)}") from rival

    async def _write(self, connection: Connection, source: str, page: Page, now: datetime) -> int:
        told = [line for line in page.lines if isinstance(line, TransferArrived | TransferReversed)]
        told.sort(key=_is_reversal)  # some banks write the newest entry first
        broken = [line for line in page.lines if isinstance(line, BrokenLine)]
        uow = await self._repository.load(connection, told, now)
        sends: list[Message | Outgoing] = []
        counted: list[FromSource] = []
        for line in told:
            try:
                _require_same(uow, line, now)
                sends += self._record_transfer(uow, line, now)
                counted.append(line)
            except Contradiction as wrong:
                broken.append(_contradiction(line, wrong))
        origin = page.origin or Origin(source, page.file)
        uow.intakes = [_intake(origin, page, counted, broken, uow.recorded_before, now)] if page.lines else []
        due = [Outgoing.of(send) for send in sends]
        rows = [outbox.row_of(send, SOURCE, None, now) for send in due]
        changes = await self._repository.save(connection, uow, now)
        await execute_together(connection, [*changes, *outbox.changes(outbox.at_once(rows, now), now)])
        if broken:
            await feeds.keep_broken(connection, source, page.file, broken, now)
        await feeds.was_read(connection, source, page.cursor, now)
        return len(broken)


def _intake(  # noqa: PLR0917
    origin: Origin,
    page: Page,
    lines: Sequence[FromSource],
    broken: Sequence[BrokenLine],
    before: Collection[UUID],
    now: datetime,
) -> Intake:
    return intake_of(
        origin,
        lines,
        before,
        now,
        seen=len(page.lines),
        passed=[line.reason for line in page.lines if isinstance(line, PassedOver)],
        broken=[line.field for line in broken],
    )


def _is_reversal(line: Told) -> bool:
    return isinstance(line, TransferReversed)


def _require_same(uow: UnitOfWork, line: FromSource, now: datetime) -> None:
    """Raises Contradiction for a line that was recorded before and says otherwise now."""
    again = payment_of(line, now) if isinstance(line, TransferArrived) else None
    known = uow.payments.get(again.id) if again else None
    if again and known and (differences := known.differences(again)):
        raise Contradiction("; ".join(differences))


def _contradiction(line: FromSource, wrong: Contradiction) -> BrokenLine:
    field = next((name for name in type(line).model_fields if str(wrong).startswith(f"{name} ")), "amount")
    text = f"transfer {line.transfer_id}: {wrong}"
    return BrokenLine(
        0, field, text, "ask the bank which is right; what was recorded first counts", line.model_dump_json()
    )
