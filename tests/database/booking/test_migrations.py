"""The migrations make the tables that the code says; what was there keeps its meaning; the audit log only grows."""

from __future__ import annotations

from datetime import date

import asyncpg
import pytest

from services.booking.tables import metadata
from shared.contracts.booking.staff import CancelBooking
from shared.database.pool import Database
from tests.support.builders.lifecycle import Front, command
from tests.support.servers.databases import FreshDatabase
from tests.support.servers.migrations import checks_in, checks_of, differences

pytestmark = pytest.mark.real


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("booking")


async def test_migrations_and_tables_agree(url: str) -> None:
    assert await differences(url, metadata) == []


async def test_constraints_that_a_comparison_does_not_see(url: str) -> None:
    assert await checks_in(url) == checks_of(metadata)


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET who = 'nobody'", "DELETE FROM audit_log"])
async def test_the_audit_log_only_grows(url: str, statement: str) -> None:
    front = Front(Database(url))
    await front.database.open()
    booking = await front.confirmed()
    await front.tell(command(CancelBooking, booking))
    with pytest.raises(asyncpg.RestrictViolationError, match="only grows"):
        await front.ask(statement)
    assert len(await front.ask("SELECT 1 FROM audit_log")) == 3
    await front.database.close()


async def test_one_policy_of_a_property_is_active_and_others_stay(url: str) -> None:
    add = "INSERT INTO cancellation_policies (property_id, name, percentage, active) VALUES ($1, $2, 10, $3)"
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(add, "las-hojas", "second", True)
    await connection.execute(add, "las-hojas", "older", False)
    await connection.execute(add, None, "of all", True)
    await connection.close()


async def test_a_booking_keeps_the_policy_that_it_was_asked_for_under(url: str) -> None:
    front = Front(Database(url))
    await front.database.open()
    booking = await front.confirmed()
    await front.ask("UPDATE cancellation_policies SET active = false")
    fee = await front.get(f"/bookings/{booking}/cancellation-fee")
    assert fee["policy"]["en"].startswith("Free of charge until 72 hours before arrival")
    assert (await front.ask("SELECT check_in FROM bookings"))[0]["check_in"] == date(2026, 3, 15)
    await front.database.close()
