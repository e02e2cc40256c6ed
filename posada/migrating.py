"""Brings a service's database to its newest schema and plants what the service is delivered with."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec

import asyncpg

from shared.migrations import upgrade


def migrate(service: str, url: str) -> list[str]:
    """Apply what is missing, plant the seed and return what was planted; running it twice changes nothing.

    It runs an event loop of its own: call it from a thread that has none.

    Raises:
        OSError, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError: when the database cannot be reached or refuses.
    """
    upgrade(service, url)
    seed = f"services.{service}.seed"
    return asyncio.run(_plant(seed, url)) if find_spec(seed) else []


async def _plant(seed: str, url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return list(await import_module(seed).plant(connection) or ())
    finally:
        await connection.close()
