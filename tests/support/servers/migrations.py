"""What a database's migrations made, beside what the code's tables say."""

from __future__ import annotations

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine


async def differences(url: str, metadata: MetaData) -> list[object]:
    """Where the two are not the same, types included; checks are not compared."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


async def checks_in(url: str) -> set[str]:
    """The names of the check constraints that the database has."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    await connection.close()
    return {row["conname"] for row in rows}


def checks_of(metadata: MetaData) -> set[str]:
    """The names of the check constraints that the tables declare."""
    return {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
