"""What the services' own roles may do in the running cluster's databases: work with rows, and undo no guard."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg
import pytest

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES

pytestmark = pytest.mark.real
TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"


@pytest.mark.parametrize("service", SERVICES)
async def test_no_table_is_the_services_to_alter(cluster: LocalCluster, service: str) -> None:
    connection = await asyncpg.connect(cluster.database_url(service))
    try:
        tables = [row[0] for row in await connection.fetch(TABLES)]
        assert "outbox" in tables
        for table in tables:
            for statement in ("ALTER TABLE {} DISABLE TRIGGER USER", "TRUNCATE {} CASCADE", "DROP TABLE {} CASCADE"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement.format(table))
    finally:
        await connection.close()


async def test_the_service_cannot_become_the_owner_nor_pass_triggers_by(cluster: LocalCluster) -> None:
    connection = await asyncpg.connect(cluster.database_url("payments"))
    owner = urlsplit(cluster.backends.owner_url("payments")).username
    try:
        for statement in ("SET session_replication_role = replica", f'SET ROLE "{owner}"'):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_no_service_is_let_into_another_s_database(cluster: LocalCluster) -> None:
    theirs = cluster.database_url("payments").rpartition("/")[2]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(cluster.database_url("booking").rpartition("/")[0] + f"/{theirs}")
