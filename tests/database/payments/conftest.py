"""A database of payments' own for each test that asks, on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import Database
from tests.support.sagas.payments_service import House
from tests.support.servers.databases import FreshDatabase


@pytest.fixture
def payments_url(fresh_database: FreshDatabase) -> str:
    """The address of a fresh database."""
    return fresh_database("payments")


@pytest.fixture
async def database(payments_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = Database(payments_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def house(database: Database, payments_url: str) -> AsyncIterator[House]:
    """Payments put together, on the fresh database."""
    one = House(database, payments_url)
    async with one.client:
        yield one
