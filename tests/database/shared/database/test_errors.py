"""Faults as they are told: never with the values that a database quotes."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import pytest

from shared.database.pool import Database
from shared.errors import described

pytestmark = pytest.mark.real
PERSONAL = "ana@example.com"


@pytest.mark.parametrize(
    ("sql", "values", "told"),
    [
        ("SELECT $1::text::int", [PERSONAL], "InvalidTextRepresentationError: 22P02"),
        ("SELECT $1::int", [PERSONAL], "DataError: 22000"),
        ("INSERT INTO strict VALUES ($1), ($1)", [PERSONAL], "UniqueViolationError: 23505 strict_pkey"),
    ],
)
async def test_a_database_fault_keeps_values_to_itself(
    database: Database, sql: str, values: Sequence[str], told: str
) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS strict (name text PRIMARY KEY)")
        with pytest.raises(Exception, match=PERSONAL) as caught:
            await connection.execute(sql, *values)
    assert described(caught.value) == told


def test_what_a_server_says_of_itself_is_told() -> None:
    away = asyncpg.InvalidCatalogNameError('database "posada" does not exist')
    assert described(away) == 'InvalidCatalogNameError: database "posada" does not exist'
    assert described(RuntimeError("first\nsecond")) == "RuntimeError: first"
