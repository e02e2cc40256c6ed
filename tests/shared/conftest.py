"""A database with the engine's tables and one table of notes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database import Database
from tests.support.databases import FreshDatabase
from tests.support.notes import TABLE


@pytest.fixture
async def notes_url(fresh_database: FreshDatabase) -> str:
    """The address of the fresh database."""
    url = fresh_database("availability")
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    await connection.close()
    return url


@pytest.fixture
async def database(notes_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = Database(notes_url)
    await opened.open()
    yield opened
    await opened.close()
