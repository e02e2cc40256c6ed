"""A database of payments' own for each test that asks, on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.postgres import EmbeddedPostgres
from shared.database import Database
from shared.migrations import upgrade


@pytest.fixture(scope="session")
def payments_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address, with a migrated template database on it."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("payments")) as server:
        asyncio.run(_execute(server.admin_url, "CREATE DATABASE payments_template"))
        upgrade("payments", _named(server.admin_url, "payments_template"))
        yield server.admin_url


@pytest.fixture
async def payments_url(payments_server: str) -> str:
    """The address of a fresh database."""
    name = f"payments_{uuid4().hex}"
    await _execute(payments_server, f"CREATE DATABASE {name} TEMPLATE payments_template")
    return _named(payments_server, name)


@pytest.fixture
async def database(payments_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = Database(payments_url)
    await opened.open()
    yield opened
    await opened.close()


def _named(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
