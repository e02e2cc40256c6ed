"""Payments' queries for feeds: how far each is read, and the lines that could not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.payments.feeds.lines import BrokenLine
from services.payments.transfers import Intake, payment_id_of
from shared.contracts.payments import TransferArrived
from shared.database.bulk import Table
from shared.database.pool import Connection, Database
from shared.database.statements import execute_together
from shared.messages.message import digest_of

_TAKEN = """
SELECT coalesce(max(lines), 0) FROM (
    SELECT sum(taken + known + cardinality(sent)) AS lines FROM intake
    WHERE digest <> '' AND digest = $1 AND layout <> $2 GROUP BY layout) AS readings"""
_RECORDED = "SELECT count(*) FROM payments WHERE id = ANY($1)"
LONGEST_KEPT = 500  # characters of a line: enough to correct it by
LONGEST_COMPARED = 10_000  # characters that tell a line from another
_CURSOR = "SELECT cursor FROM feeds WHERE source = $1"
_READ = """
INSERT INTO feeds (source, cursor, synced_at) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE SET
    cursor = coalesce(excluded.cursor, feeds.cursor), synced_at = excluded.synced_at,
    failed_at = NULL, problem = NULL"""
_FAILED = """
INSERT INTO feeds (source, failed_at, problem) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE SET failed_at = excluded.failed_at, problem = excluded.problem"""


@dataclass(frozen=True, slots=True)
class _KeptLine:
    id: UUID
    source: str
    file: str
    number: int
    field: str
    problem: str
    remedy: str
    line: str
    found_at: datetime


_INTAKE = Table("intake", Intake, on_conflict="DO NOTHING")
_BROKEN_LINES = Table("broken_lines", _KeptLine, on_conflict="DO NOTHING")


async def cursor(connection: Connection, source: str) -> str | None:
    """Up to where a feed was read; None from its beginning."""
    found: str | None = await connection.fetchval(_CURSOR, source)
    return found


async def was_read(connection: Connection, source: str, up_to: str | None, now: datetime) -> None:
    """A feed was read up to a cursor; None leaves it where it was."""
    await connection.execute(_READ, source, up_to, now)


async def failed(connection: Connection, source: str, problem: str, now: datetime) -> None:
    """A feed could not be read."""
    await connection.execute(_FAILED, source, now, problem)


class RecordedFiles:
    """What was taken of files, as payments' database has it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def taken(self, digest: str, layout: str) -> int:
        """How many lines of a file with this content were taken under any other layout than this: of those the most."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_TAKEN, digest, layout))

    async def recorded(self, lines: Sequence[TransferArrived]) -> int:
        """How many of some lines are recorded."""
        ids = [payment_id_of(line.source, line.transfer_id) for line in lines]
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_RECORDED, ids))


async def came_in(connection: Connection, intake: Intake) -> None:
    """Note what came in; told again it is noted once."""
    await execute_together(connection, [_INTAKE.insert([intake])])


async def keep_broken(
    connection: Connection, source: str, file: str, broken: Sequence[BrokenLine], now: datetime
) -> None:
    """Keep lines for correction; one that was read before is kept once."""
    kept = [_kept(source, file, line, now) for line in broken]
    await execute_together(connection, [_BROKEN_LINES.insert(kept)])


def _kept(source: str, file: str, broken: BrokenLine, now: datetime) -> _KeptLine:
    line = _storable(broken.text)[:LONGEST_COMPARED]
    return _KeptLine(
        id=digest_of(source, file, broken.number, line),
        source=source,
        file=file,
        number=broken.number,
        field=broken.field,
        problem=_storable(broken.problem)[:LONGEST_KEPT],
        remedy=broken.remedy,
        line=line[:LONGEST_KEPT],
        found_at=now,
    )


def _storable(text: str) -> str:
    """A line as PostgreSQL can keep it: bytes of another encoding become marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "�")
