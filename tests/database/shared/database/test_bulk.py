"""What is written as one JSON document comes back as it was, whatever its type; jsonb columns are values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.database.bulk import Column, Table
from shared.database.pool import Connection, Database
from shared.database.statements import Statement, execute_together
from shared.errors import Conflict

pytestmark = pytest.mark.real

MADE = """
CREATE TABLE things (id uuid PRIMARY KEY, at timestamptz, day date, amount numeric(12, 2), body bytea, tags text[],
                     facts jsonb, note text, number bigint GENERATED ALWAYS AS IDENTITY)"""
MOMENT = datetime(2030, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=-6)))


@dataclass(frozen=True)
class Thing:
    id: UUID
    at: datetime | None = None
    day: date | None = None
    amount: Decimal | None = None
    body: bytes | None = None
    tags: tuple[str, ...] = ()
    facts: Any = None
    note: str | None = None


THINGS = Table("things", Thing, Column("facts", "jsonb"), fixed=(), version="xmin")
FULL = Thing(
    id=uuid4(),
    at=MOMENT,
    day=date(2030, 1, 2),
    amount=Decimal("1234567890.10"),
    body=bytes(range(256)),
    tags=("a, b", '"', "{}", "\\", "ñ🏠", ""),
    facts={"n": [1, 2.5, None, True, {"at": "2030-01-02"}], "ñ": "🏠"},
    note='\\x41 it\'s $1 "quoted"\n',
)


async def things(connection: Connection) -> list[Thing]:
    return [THINGS.read(row) for row in await connection.fetch("SELECT * FROM things ORDER BY number")]


async def versions(connection: Connection) -> dict[UUID, str]:
    rows = await connection.fetch("SELECT id, xmin::text AS version FROM things")
    return {row["id"]: row["version"] for row in rows}


async def test_rows_of_every_type_come_back_as_they_were_and_in_their_order(database: Database) -> None:
    written = [FULL, Thing(uuid4()), replace(FULL, id=uuid4(), facts=[])]
    async with database.connection() as connection:
        await connection.execute(MADE)
        await execute_together(connection, [THINGS.insert(written)])
        assert await things(connection) == [replace(one, at=one.at and one.at.astimezone(UTC)) for one in written]


async def test_an_update_finds_rows_as_they_were_seen_or_changes_none(database: Database) -> None:
    one, other = Thing(uuid4()), Thing(uuid4())
    async with database.connection() as connection:
        await connection.execute(MADE)
        await execute_together(connection, [THINGS.insert([one, other])])
        seen = await versions(connection)
        changed = [replace(thing, note="new", tags=("x",)) for thing in await things(connection)]
        await execute_together(connection, [THINGS.update(changed, seen)])
        assert sorted(await things(connection), key=str) == sorted(changed, key=str)
        with pytest.raises(Conflict):
            await execute_together(connection, [THINGS.update(changed, seen)])
        half = await versions(connection) | {other.id: "1"}
        with pytest.raises(Conflict):
            await execute_together(connection, [THINGS.update([replace(one, note="lost") for one in changed], half)])
        assert {thing.note for thing in await things(connection)} == {"new"}


async def test_a_row_that_breaks_a_check_is_a_fault_and_no_rivals(database: Database) -> None:
    """Another attempt with the current state would make the same row."""
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS checked (number int CHECK (number > 0) UNIQUE)")
        add = "INSERT INTO checked VALUES ($1)"
        with pytest.raises(asyncpg.CheckViolationError):
            await execute_together(connection, [Statement(add, (0,))])
        await execute_together(connection, [Statement(add, (1,))])
        with pytest.raises(Conflict):
            await execute_together(connection, [Statement(add, (1,))])


async def test_a_jsonb_value_is_a_value_both_ways(database: Database) -> None:
    async with database.connection() as connection:
        for value in ({"a": [1]}, [], [["a", "b"]], "text", 5, True):
            assert await connection.fetchval("SELECT $1::jsonb", value) == value
        given = {"id": FULL.id, "at": MOMENT, "amount": Decimal("1.10"), "day": FULL.day}
        assert await connection.fetchval("SELECT $1::jsonb", given) == {
            "id": str(FULL.id),
            "at": "2030-01-02T03:04:05.678901-06:00",
            "amount": "1.10",
            "day": "2030-01-02",
        }
        assert await connection.fetchval("SELECT NULL::jsonb") is None
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("SELECT $1::jsonb", object())
