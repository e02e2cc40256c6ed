"""The schema's versions: what was written before goes on, and the version before works on the new schema."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command

from services.conversations import repository_sql as sql
from services.conversations.tables import metadata
from shared.database.migrations import alembic_config, upgrade
from shared.database.pool import Connection
from tests.support.servers.databases import FreshDatabase, apart
from tests.support.servers.migrations import checks_in, checks_of, differences

THREAD = """
INSERT INTO threads (id, contact, property_id, room, name, participants, first_message_at, created_at)
VALUES ($1, $2, $3, $4, 'Ana', '{}', '2026-03-01T10:00Z', '2026-03-01T10:00Z')"""
MESSAGE = """
INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at)
VALUES ($1, 'whatsapp', $2, 'tenant', '¿Habitación?', $3::text::timestamptz, '2026-03-05T10:00Z')"""
BOOKING = """
INSERT INTO bookings (id, contact, guest_name, property_id, property_name, timezone, rooms, check_in, check_out,
                      confirmed_at, as_of, off)
VALUES ($1, '+50371234567', 'Ana', 'mar', 'Posada del Mar', 'UTC', ARRAY[$2::text], '2026-03-15', '2026-03-16',
        $3::text::timestamptz, $4::text::timestamptz, $5)"""
KEPT = "UPDATE bookings SET versions = $2::text::jsonb WHERE id = $1"
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


async def test_the_migrations_make_what_the_tables_say(fresh_database: FreshDatabase) -> None:
    url = fresh_database("conversations")
    assert await differences(url, metadata) == []
    assert await checks_in(url) == checks_of(metadata)


async def test_older_bookings_keep_their_rooms_and_ends_and_newer_ones_are_read_after_an_older_program(
    url: str, connection: Connection
) -> None:
    apart(upgrade, "conversations", url)
    apart(lambda at: command.downgrade(alembic_config("conversations", at), "0003"), url)
    await connection.execute(BOOKING, ONE, "101", "2026-03-01T10:00Z", None, False)
    await connection.execute(BOOKING, OTHER, "102", "2026-03-01T10:00Z", "2026-03-02T10:00Z", True)
    apart(upgrade, "conversations", url)
    assert [_told(row) for row in await connection.fetch("SELECT * FROM bookings ORDER BY id")] == [
        (["101"], None),
        (["102"], "2026-03-01"),
    ]
    await connection.execute(KEPT, ONE, '[["2026-03-01T10:00:00+00:00", 0, "2026-03-15", "2026-03-16", ["100"]]]')
    await connection.execute("UPDATE bookings SET as_of = '2026-03-03T10:00Z' WHERE id = $1", ONE)
    (row,) = await connection.fetch("SELECT * FROM bookings WHERE id = $1", ONE)
    assert _told(row) == (["100", "101"], None)


def _told(row: Mapping[str, Any]) -> tuple[list[str], str | None]:
    booking = sql.booking(row)
    return [version.rooms[0] for version in booking.versions], booking.off_at and f"{booking.off_at:%F}"


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
