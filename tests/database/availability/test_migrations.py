"""The migrations make the tables that the code says."""

from __future__ import annotations

from services.availability.tables import metadata
from tests.support.servers.databases import FreshDatabase
from tests.support.servers.migrations import checks_in, checks_of, differences


async def test_the_migrations_make_what_the_tables_say(fresh_database: FreshDatabase) -> None:
    url = fresh_database("availability")
    assert await differences(url, metadata) == []
    assert await checks_in(url) == checks_of(metadata)
