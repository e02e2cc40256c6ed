"""What a database's migrations made, beside what the code's tables say; and versions that are yet to come."""

from __future__ import annotations

import shutil
from pathlib import Path

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database.migrations import SERVICES

LATER = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute({!r})
"""


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


def with_later_version(folder: Path, service: str, statement: str) -> Path:
    """A folder of services where this one has a second version, which executes a statement."""
    migrations = folder / service / "migrations"
    shutil.copytree(SERVICES / service / "migrations", migrations)
    (migrations / "versions" / "0002_later.py").write_text(LATER.format(statement), encoding="utf-8")
    return folder
