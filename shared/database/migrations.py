"""Brings a service's database to its newest schema with Alembic, and puts its seed data in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, pool
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from shared.errors import TablesBusy

SERVICES = Path(__file__).parents[2] / "services"
# Whoever wants a table stands behind a lock that waits for it: bookings too. So a lock is waited for briefly, a
# statement that holds one ends, and a migration that stands still lets go. An address may say otherwise.
BOUNDS: Final = {
    "lock_timeout": "2s",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "1min",
}
# The pauses, in seconds, after which it is tried again as a whole; in them the others have their turn.
PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
LOOK_SECONDS: Final = 0.3
# A lock that was not to be had in time, and one that two of us each waited for.
_BUSY: Final = (asyncpg.LockNotAvailableError.sqlstate, asyncpg.DeadlockDetectedError.sqlstate)
_HOLDERS: Final = """
SELECT format('process %s (%s)', pid, usename) FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1))"""


def alembic_config(service: str, url: str) -> Config:
    """Alembic's configuration for a service; `url` is a postgresql:// address."""
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations"))
    config.attributes["url"] = url
    return config


def upgrade(service: str, url: str, revision: str = "head", *, pauses: Sequence[float] = PAUSES) -> None:
    """Apply what is missing, in one transaction; running it twice changes nothing.

    A table that others hold is waited for briefly, and again after each of the `pauses` (seconds).

    Raises:
        TablesBusy: when one was held each time; nothing has changed.
        OSError, sqlalchemy.exc.DBAPIError: when the database cannot be reached or refuses.
    """
    for pause in (*pauses, None):
        config = alembic_config(service, url)
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _BUSY:
                raise
            if pause is None:
                raise _busy(service, len(pauses) + 1, error, config.attributes.get("holders")) from error
            time.sleep(pause)
        else:
            return


def _busy(service: str, times: int, error: DBAPIError, holders: str | None) -> TablesBusy:
    statement = " ".join((error.statement or "").split())[:120]
    return TablesBusy(
        f"{service} was not migrated, and nothing of it has changed: {times} times others held what `{statement}` "
        f"needs. {holders or 'Somebody'} has a transaction open: let it end, or end it with pg_terminate_backend, and "
        "migrate again."
    )


def newest(service: str) -> str:
    """The id of a service's newest schema."""
    head = ScriptDirectory.from_config(alembic_config(service, "")).get_current_head()
    if head is None:
        raise ValueError(f"{service} has no migrations")
    return head


def run(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls."""
    asyncio.run(_run(metadata, context.config.attributes))


async def _run(metadata: MetaData, attributes: dict[Any, Any]) -> None:
    url: str = attributes["url"]
    # asyncpg reads the address itself, as it does for the service: SQLAlchemy knows no sslmode.
    own = await asyncpg.connect(url, server_settings=bounds(url))
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _given(own), poolclass=pool.NullPool)
    looking = asyncio.create_task(_look(url, own.get_server_pid(), attributes))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata)
            await connection.commit()
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await looking
        await engine.dispose()


async def _given(connection: asyncpg.Connection[Any]) -> asyncpg.Connection[Any]:
    return connection


def bounds(url: str) -> dict[str, str]:
    """How long a migration may wait and take, in PostgreSQL's words, but for what the address says itself."""
    said = parse_qs(urlsplit(url).query)
    return {name: value for name, value in BOUNDS.items() if name not in said}


async def _look(url: str, pid: int, attributes: dict[Any, Any]) -> None:
    """Note who holds what the session `pid` waits for, time and again: once it has given up, nobody can tell."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if found := await connection.fetch(_HOLDERS, pid):
                attributes["holders"] = " and ".join(row[0] for row in found)
    finally:
        connection.terminate()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
