"""Payments' queries for feeds: how far each is read, and the lines that could not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.payments.feeds.csv import BrokenLine
from shared.database.pool import Connection
from shared.messages.message import digest_of

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
_BROKEN = """
INSERT INTO broken_lines (id, source, file, number, field, problem, remedy, line, found_at)
SELECT id, $1, $2, number, field, problem, remedy, line, $9
FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[])
    AS new (id, number, field, problem, remedy, line)
ON CONFLICT (id) DO NOTHING"""


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


async def keep_broken(
    connection: Connection, source: str, file: str, broken: Sequence[BrokenLine], now: datetime
) -> None:
    """Keep lines for correction; one that was read before is kept once."""
    await connection.execute(_BROKEN, source, file, *_columns(source, file, broken), now)


def _columns(source: str, file: str, broken: Sequence[BrokenLine]) -> tuple[list[Any], ...]:
    lines = [_storable(line.text)[:LONGEST_COMPARED] for line in broken]
    return (
        [digest_of(source, file, line.number, text) for line, text in zip(broken, lines, strict=True)],
        [line.number for line in broken],
        [line.field for line in broken],
        [_storable(line.problem)[:LONGEST_KEPT] for line in broken],
        [line.remedy for line in broken],
        [line[:LONGEST_KEPT] for line in lines],
    )


def _storable(text: str) -> str:
    """A line as PostgreSQL can keep it: bytes of another encoding become marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "�")
