"""The migrations make the tables that the code says, and running them again changes nothing."""

from __future__ import annotations

from services.payments.tables import metadata
from tests.support.servers.migrations import checks_in, checks_of, differences


async def test_migrations_and_tables_agree(payments_url: str) -> None:
    assert await differences(payments_url, metadata) == []


async def test_constraints_that_a_comparison_does_not_see(payments_url: str) -> None:
    assert await checks_in(payments_url) == checks_of(metadata)
