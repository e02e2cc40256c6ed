"""deploy/postgres/databases.sh, which operators run against a server of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import url_for
from deploy.local.postgres import EmbeddedPostgres
from posada.migrating import migrate
from shared.contracts.topics import SERVICES
from tests.support.databases import apart

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed (Debian: postgresql-client)"),
]
SCRIPT = Path("deploy/postgres/databases.sh")
# With all that a shell could make something else of.
SIGNS = "p'a\"ss $HOME `id` \\ %"


def password(role: str) -> str:
    return f"{role} {SIGNS}"


def run_script(server: EmbeddedPostgres, one: str = "", *, password_mark: str = "") -> subprocess.CompletedProcess[str]:
    admin = urlsplit(server.admin_url)
    roles = [role for service in SERVICES for role in (service, f"{service}_owner")]
    variables = {
        "PATH": os.environ["PATH"],
        "PGHOST": str(admin.hostname),
        "PGPORT": str(admin.port),
        "PGUSER": str(admin.username),
        "PGPASSWORD": str(admin.password),
        "POSADA_ONE_DATABASE": one,
        **{f"{role.upper()}_PASSWORD": password(role) + password_mark for role in roles},
    }
    return subprocess.run(["sh", SCRIPT], env=variables, capture_output=True, text=True, check=False)  # noqa: S607


def address(server: EmbeddedPostgres, database: str, role: str, mark: str = "") -> str:
    return url_for(server.admin_url, database, role, password(role) + mark)


async def ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def server(postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """Without what an earlier test made."""
    postgres.drop_databases(["posada", *SERVICES])
    return postgres


@pytest.mark.parametrize("one", ["", "posada"])
async def test_services_work_with_rows_that_only_owners_can_alter(server: EmbeddedPostgres, one: str) -> None:
    for _ in range(2):  # the second time it changes nothing
        done = run_script(server, one)
        assert done.returncode == 0, done.stderr
    for service in SERVICES:
        apart(migrate, service, address(server, one or service, f"{service}_owner"))
    done = run_script(server, one)
    assert done.returncode == 0, done.stderr
    for service in SERVICES:
        own = address(server, one or service, service)
        assert await ask(own, "SELECT current_schema()") == (service if one else "public")
        assert await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
        assert await ask(own, "DELETE FROM inbox RETURNING 1") == 1
        for statement in ("ALTER TABLE inbox DROP CONSTRAINT inbox_pkey", "TRUNCATE inbox", "CREATE TABLE t (n int)"):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)):
                await ask(own, statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(
            address(server, one or "payments", "booking"), "SELECT count(*) FROM payments.inbox" if one else "SELECT 1"
        )


@pytest.mark.parametrize("one", ["", "posada"])
async def test_what_services_of_an_older_posada_owned_goes_to_the_owners(server: EmbeddedPostgres, one: str) -> None:
    assert run_script(server, one).returncode == 0
    for service in SERVICES:  # as it was: the service owned everything, and migrated
        database = one or service
        admin = url_for(
            server.admin_url,
            database,
            str(urlsplit(server.admin_url).username),
            str(urlsplit(server.admin_url).password),
        )
        await ask(
            admin,
            f'ALTER SCHEMA "{service}" OWNER TO "{service}"'
            if one
            else f'ALTER DATABASE "{service}" OWNER TO "{service}"',
        )
        apart(migrate, service, address(server, database, service))

    assert run_script(server, one, password_mark="new").returncode == 0

    for service in SERVICES:
        own = address(server, one or service, service, "new")
        assert await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(own, "TRUNCATE inbox")
        apart(
            migrate,
            service,
            address(server, one or service, f"{service}_owner", "new"),
        )


def test_a_password_that_is_missing_is_named(server: EmbeddedPostgres) -> None:
    done = subprocess.run(
        ["sh", SCRIPT],  # noqa: S607
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "AVAILABILITY_PASSWORD" in done.stderr
