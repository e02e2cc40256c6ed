"""Booking over a fresh database, told by hand and asked over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import Database
from tests.support.builders.lifecycle import Front
from tests.support.servers.databases import FreshDatabase


@pytest.fixture
async def front(fresh_database: FreshDatabase) -> AsyncIterator[Front]:
    database = Database(fresh_database("booking"))
    await database.open()
    yield Front(database)
    await database.close()
