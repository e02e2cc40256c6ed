"""Fixtures of a database with the engine's tables and one table of notes; a conftest.py imports them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import Database
from tests.support.sagas.sample_service import TABLE
from tests.support.servers.databases import FreshDatabase


@pytest.fixture
def notes_url(fresh_database: FreshDatabase) -> str:
    """The address of the database."""
    return fresh_database("availability", TABLE)


@pytest.fixture
async def database(notes_url: str) -> AsyncIterator[Database]:
    """The database, open."""
    opened = Database(notes_url)
    await opened.open()
    yield opened
    await opened.close()
