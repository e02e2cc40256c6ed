"""What each recorded version asks is planned by PostgreSQL on today's schema, as copies not yet restarted ask it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import PostgresBackend
from services.availability.catalogue import repository
from shared.contracts.topics import SERVICES
from tests.contracts.statements import FOLDER, in_modules, not_understood
from tests.support.servers.databases import FreshDatabase, as_service

pytestmark = pytest.mark.real

RECORDED = sorted(FOLDER.glob("*/*.json"))
# What begins like SQL in our modules and is none by itself, by how it begins.
PARTS = {
    "availability": ("DELETE FROM ", "INSERT INTO "),
    "conversations": ("\nSELECT threads.*, coalesce(last_message_at, created_at) AS moment",),
}
# Each breaks what an older version of a service asks, in a way that migrations may not.
BREAKS = (
    ("availability", "ALTER TABLE holds RENAME COLUMN wake_at TO woken_at", "wake_at"),
    ("booking", "DROP TABLE code_counters CASCADE", "code_counters"),
    ("payments", "ALTER TABLE payments DROP COLUMN posted_on CASCADE", "posted_on"),
    ("notifications", "ALTER TABLE outbox ALTER COLUMN due_at TYPE text", "text"),
    ("conversations", "ALTER TABLE bookings DROP CONSTRAINT bookings_pkey CASCADE", "ON CONFLICT"),
)


def statements(file: Path) -> list[str]:
    return list(json.loads(file.read_text(encoding="utf-8")))


def test_every_version_has_recorded_every_service() -> None:
    versions = {file.parent.name for file in RECORDED}
    assert {(file.parent.name, file.stem) for file in RECORDED} == {
        (one, name) for one in versions for name in SERVICES
    }
    assert all(len(statements(file)) > 20 for file in RECORDED)


@pytest.mark.parametrize("service", SERVICES)
async def test_what_older_versions_ask_is_understood_by_the_newest_schema_and_permitted(
    service: str, fresh_database: FreshDatabase, postgres: PostgresBackend
) -> None:
    url = as_service(fresh_database(service), postgres)
    for file in (one for one in RECORDED if one.stem == service):
        assert await not_understood(url, statements(file)) == {}, file.parent.name


@pytest.mark.parametrize("service", SERVICES)
async def test_what_this_version_asks_is_understood_and_permitted(
    service: str, fresh_database: FreshDatabase, postgres: PostgresBackend
) -> None:
    """A statement that PostgreSQL refuses whenever the service's role asks shows here, however seldom it does."""
    url = as_service(fresh_database(service), postgres)
    refused = await not_understood(url, sorted(in_modules(f"services.{service}")))
    assert [sql for sql in refused if not sql.startswith(PARTS.get(service, ("\0",)))] == []


@pytest.mark.parametrize(("service", "damage", "complaint"), BREAKS)
async def test_a_schema_that_older_versions_stumble_over_is_seen(
    service: str, damage: str, complaint: str, fresh_database: FreshDatabase
) -> None:
    url = fresh_database(service)
    connection = await asyncpg.connect(url)
    await connection.execute(damage)
    await connection.close()
    [file, *_] = [one for one in RECORDED if one.stem == service]
    assert any(complaint in told for told in (await not_understood(url, statements(file))).values())


async def test_a_right_that_is_missing_is_seen(fresh_database: FreshDatabase, postgres: PostgresBackend) -> None:
    url = fresh_database("payments")
    own = as_service(url, postgres)
    connection = await asyncpg.connect(url)
    await connection.execute(f'REVOKE UPDATE ON payment_requests FROM "{urlsplit(own).username}"')
    await connection.close()
    refused = await not_understood(own, sorted(in_modules("services.payments")))
    assert any("permission denied for table payment_requests" in told for told in refused.values())


async def test_nobody_takes_rooms_while_the_catalogue_changes_by_the_services_role_too(
    fresh_database: FreshDatabase, postgres: PostgresBackend
) -> None:
    connection = await asyncpg.connect(as_service(fresh_database("availability"), postgres))
    async with connection.transaction():
        await connection.execute(repository._LOCK_NIGHTS)
    await connection.close()
