"""Brings a service's database to its newest schema and plants seed data: what is delivered, and an operator's own."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from shared.database.migrations import upgrade
from shared.database.seeds import SeedSettings


def migrate(service: str, url: str) -> list[str]:
    """Apply what is missing, plant the seed and return what was planted; running it twice changes nothing.

    It runs an event loop of its own: call it from a thread that has none.

    Raises:
        ValueError: when POSADA_SEED_FOLDER, or a file of it, is wrong; nothing was migrated where the folder is.
        TablesBusy: when others held its tables for too long; nothing was migrated.
        OSError, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError: when the database cannot be reached or refuses.
    """
    seed = f"services.{service}.seed"
    if find_spec(seed) is None:
        upgrade(service, url)
        return []
    own = SeedSettings().folder_of(service)
    upgrade(service, url)
    return asyncio.run(_plant(seed, url, own))


async def _plant(seed: str, url: str, own: Path | None) -> list[str]:
    plant = import_module(seed).plant
    connection = await asyncpg.connect(url)
    try:
        return [*await plant(connection), *(await plant(connection, own) if own else ())]
    finally:
        await connection.close()
