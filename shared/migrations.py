"""Brings a service's database to its newest schema with Alembic, and puts its seed data in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, pool
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

SERVICES = Path(__file__).parent.parent / "services"


def alembic_config(service: str, url: str) -> Config:
    """Alembic's configuration for a service; `url` is a postgresql:// address."""
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations"))
    config.attributes["url"] = url
    return config


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Apply what is missing, in one transaction; running it twice changes nothing.

    Raises:
        OSError, sqlalchemy.exc.DBAPIError: when the database cannot be reached or refuses.
    """
    command.upgrade(alembic_config(service, url), revision)


def newest(service: str) -> str:
    """The id of a service's newest schema."""
    head = ScriptDirectory.from_config(alembic_config(service, "")).get_current_head()
    if head is None:
        raise ValueError(f"{service} has no migrations")
    return head


def run(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls."""
    asyncio.run(_run(metadata, context.config.attributes["url"]))


async def _run(metadata: MetaData, url: str) -> None:
    # asyncpg reads the address itself, as it does for the service: SQLAlchemy knows no sslmode.
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
