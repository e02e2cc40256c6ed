"""The schema goes forward with what is in it, and back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from alembic import command

from services.notifications.tables import metadata
from shared.database.migrations import alembic_config, upgrade
from shared.database.pool import Connection
from tests.support.servers.databases import FreshDatabase, apart, apart_async
from tests.support.servers.migrations import checks_in, checks_of, differences

OLD = """
INSERT INTO deliveries (booking_id, occasion, audience, channel, recipient, sender_name, text, place, status, attempts,
                        due_at, created_at)
VALUES ($1, 'confirmed', 'guest', 'whatsapp', '50371234567', 'Posada', 'Hola', 0, 'pending', $2, now(), now())"""


async def _connected(url: str, work: Any) -> Any:
    import asyncpg  # noqa: PLC0415 — only in the thread that runs it

    connection: Connection = await asyncpg.connect(url)
    try:
        return await work(connection)
    finally:
        await connection.close()


async def _plant(connection: Connection) -> None:
    for attempts in (0, 1):
        await connection.execute(OLD, uuid4(), attempts)


async def _read(connection: Connection) -> list[tuple[bool, bool]]:
    rows = await connection.fetch("SELECT unsure, waits_since = created_at AS waits FROM deliveries ORDER BY number")
    return [(row["unsure"], row["waits"]) for row in rows]


async def _later_values(connection: Connection) -> None:
    await connection.execute("UPDATE deliveries SET status = 'read', channel = 'sms' WHERE unsure")


async def _statuses(connection: Connection) -> list[str]:
    return [row["status"] for row in await connection.fetch("SELECT status FROM deliveries ORDER BY number")]


async def test_the_migrations_make_what_the_tables_say(fresh_database: FreshDatabase) -> None:
    url = fresh_database("notifications")
    assert await differences(url, metadata) == []
    assert await checks_in(url) == checks_of(metadata)


def test_deliveries_that_wait_are_taken_along_and_back(fresh_database: FreshDatabase) -> None:
    url = fresh_database("notifications")
    apart(lambda: command.downgrade(alembic_config("notifications", url), "0001"))
    apart_async(lambda at: _connected(at, _plant), url)
    apart(lambda: upgrade("notifications", url))
    # What a provider was asked once may have arrived: it is asked for before it is sent again.
    assert apart_async(lambda at: _connected(at, _read), url) == [(False, True), (True, True)]
    apart_async(lambda at: _connected(at, _later_values), url)
    apart(lambda: command.downgrade(alembic_config("notifications", url), "0001"))
    assert apart_async(lambda at: _connected(at, _statuses), url) == ["pending", "sent"]
