"""Synchronises the feeds: each page with its cursor in one transaction, one at a time, and soon again only if asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.payments import handlers
from services.payments.domain.payment import Contradiction
from services.payments.feeds import BrokenLine
from services.payments.office import SOURCE
from services.payments.repository import Repository
from services.payments.sources.port import FeedDown, Page, Source
from shared import outbox
from shared.clock import Clock
from shared.contracts.payments import ReservePayment, SearchDue, TransferArrived, VerifyPayment
from shared.database import CONTENDED, Connection, Database
from shared.errors import Conflict, described
from shared.messages import Message, Outgoing, digest_of
from shared.relay import Relay
from shared.statements import execute_together

log = structlog.get_logger(__name__)

CONFLICTS = 10
_NEEDS_NEWS = (ReservePayment, SearchDue, VerifyPayment)
_CURSOR = "SELECT cursor FROM feeds WHERE source = $1"
_READ = """
INSERT INTO feeds (source, cursor, synced_at) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE SET
    cursor = coalesce(excluded.cursor, feeds.cursor), synced_at = excluded.synced_at,
    failed_at = NULL, problem = NULL"""
_FAILED = """
INSERT INTO feeds (source, failed_at, problem) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE SET failed_at = excluded.failed_at, problem = excluded.problem"""
_BROKEN = """
INSERT INTO broken_lines (id, source, file, number, field, problem, remedy, line, found_at)
SELECT id, $1, $2, number, field, problem, remedy, line, $9
FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[])
    AS new (id, number, field, problem, remedy, line)
ON CONFLICT (id) DO NOTHING"""


@dataclass
class Synchronised:
    """What came of reading one feed."""

    source: str
    lines: int = 0
    broken: int = 0
    problem: str | None = None


class Keeper:
    """Reads all feeds. An attempt at finding money waits for it, at most `seconds`; a feed that fails is told, no more.

    What was read less than `fresh_seconds` ago is fresh: a hundred attempts at once read each feed once.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        repository: Repository,
        database: Database,
        clock: Clock,
        *,
        seconds: float = 10,
        fresh_seconds: float = 1,
    ) -> None:
        self._sources = sources
        self._repository = repository
        self._database = database
        self._clock = clock
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")

    async def before(self, messages: Sequence[Message]) -> None:
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

    def watching(self, every_seconds: float) -> Callable[[Relay], Awaitable[None]]:
        """A background work that reads the feeds again and again."""

        async def loop(_: Relay) -> None:
            while True:
                await self.synchronise()
                await asyncio.sleep(every_seconds)

        return loop

    async def _read(self, source: Source) -> Synchronised:
        told = Synchronised(source.name)
        try:
            async with asyncio.timeout(self._seconds):
                async with self._database.connection() as connection:
                    cursor = await connection.fetchval(_CURSOR, source.name)
                async for page in source.pages(cursor):
                    told.broken += await self._record(source.name, page)
                    told.lines += len(page.lines)
                    await page.recorded()
        except (FeedDown, TimeoutError) as down:
            told.problem = str(down) or f"{source.name} took longer than {self._seconds:g} s"
            log.warning("feed.down", source=source.name, problem=told.problem)
            async with self._database.connection() as connection:
                await connection.execute(_FAILED, source.name, self._clock(), told.problem)
        return told

    async def _record(self, source: str, page: Page) -> int:
        for left in reversed(range(CONFLICTS)):
            try:
                async with self._database.transaction() as connection:
                    return await self._write(connection, source, page, self._clock())
            except (Conflict, *CONTENDED) as rival:
                if not left:
                    raise FeedDown(f"{source}: {described(rival)}") from rival
        raise AssertionError

    async def _write(self, connection: Connection, source: str, page: Page, now: datetime) -> int:
        arrivals = [line for line in page.lines if isinstance(line, TransferArrived)]
        broken = [line for line in page.lines if isinstance(line, BrokenLine)]
        world = await self._repository.load(connection, arrivals, now)
        sends: list[Message | Outgoing] = []
        for arrival in arrivals:
            try:
                sends += handlers.transfer_arrived(world, arrival, now)
            except Contradiction as wrong:
                broken.append(_contradiction(arrival, wrong))
        due = [Outgoing.of(send) for send in sends]
        rows = [outbox.row_of(send, SOURCE, None, now) for send in due]
        changes = await self._repository.save(connection, world, now)
        await execute_together(connection, [*changes, *outbox.changes(outbox.at_once(rows, now), now)])
        if broken:
            await connection.execute(_BROKEN, source, page.file, *_columns(source, page.file, broken), now)
        await connection.execute(_READ, source, page.cursor, now)
        return len(broken)


def _contradiction(arrival: TransferArrived, wrong: Contradiction) -> BrokenLine:
    remedy = "ask the bank which amount is right; what was recorded first counts"
    return BrokenLine(0, "amount", str(wrong), remedy, arrival.model_dump_json())


def _columns(source: str, file: str, broken: Sequence[BrokenLine]) -> tuple[list[Any], ...]:
    lines = [_storable(line.text) for line in broken]
    return (
        [digest_of(source, file, line.number, text) for line, text in zip(broken, lines, strict=True)],
        [line.number for line in broken],
        [line.field for line in broken],
        [_storable(line.problem) for line in broken],
        [line.remedy for line in broken],
        lines,
    )


def _storable(text: str) -> str:
    """A line as PostgreSQL can keep it: bytes of another encoding become marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "�")[:10_000]
