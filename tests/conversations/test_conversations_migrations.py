"""The schema's versions: what was written before goes on, and the version before works on the new schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from alembic import command

from shared.database import Connection
from shared.migrations import alembic_config, upgrade
from tests.support.databases import FreshDatabase, apart

THREAD = """
INSERT INTO threads (id, contact, property_id, room, name, participants, first_message_at, created_at)
VALUES ($1, $2, $3, $4, 'Ana', '{}', '2026-03-01T10:00Z', '2026-03-01T10:00Z')"""
MESSAGE = """
INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at)
VALUES ($1, 'whatsapp', $2, 'tenant', '¿Habitación?', $3::text::timestamptz, '2026-03-05T10:00Z')"""
ONE, OTHER = UUID(int=1), UUID(int=2)


def downgrade(url: str) -> None:
    command.downgrade(alembic_config("conversations", url), "0001")


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("conversations")


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Connection]:
    apart(downgrade, url)
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def test_older_threads_are_settled_and_dated_and_older_messages_found(url: str, connection: Connection) -> None:
    await connection.execute(THREAD, ONE, "+50371234567", "mar", "101")
    await connection.execute(THREAD, OTHER, "+50371234567", None, None)
    for number, sent_at in enumerate(("2026-03-02T10:00Z", "2026-03-04T10:00Z", "2026-03-03T10:00Z")):
        await connection.execute(MESSAGE, ONE, f"m{number}", sent_at)
    apart(upgrade, "conversations", url)
    rows = await connection.fetch("SELECT settled, last_message_at::date::text AS last FROM threads ORDER BY id")
    assert [(row["settled"], row["last"]) for row in rows] == [(True, "2026-03-04"), (False, None)]
    query = "SELECT count(*) FROM messages WHERE words_of(text) @@ to_tsquery('simple', 'habitacion')"
    assert await connection.fetchval(query) == 3


async def test_the_version_before_writes_on_the_new_schema(url: str, connection: Connection) -> None:
    apart(upgrade, "conversations", url)
    await connection.execute(THREAD, ONE, "+50371234567", "mar", "101")
    await connection.execute(MESSAGE, ONE, "m1", "2026-03-02T10:00Z")
    assert await connection.fetchval("SELECT attachments FROM messages") == "[]"
