"""A service's database comes back from a backup as docs/operate.md says, on servers of operators' own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from posada.cluster.migration import migrate
from tests.support.servers.databases import apart, ask
from tests.support.servers.operator_server import MOST_APART, Ground, assert_works_with_rows_alone, either_way

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed (Debian: postgresql-client)"),
]


@either_way
@pytest.mark.parametrize("ground", MOST_APART, indirect=True)
@pytest.mark.parametrize("who", ["the owner", "an administrator as the owner", "an administrator"])
async def test_a_service_s_database_is_restored(ground: Ground, one: str, who: str, tmp_path: Path) -> None:
    """As docs/operate.md says: also where all share one database, of which only one service is put back."""
    ground.prepare(one)
    database = one or "payments"
    owner, own = ground.address(database, "payments_owner"), ground.address(database, "payments")
    other = ground.address(database if one else "booking", "booking")
    apart(migrate, "payments", owner)
    apart(migrate, "booking", ground.address(database if one else "booking", "booking_owner"))
    backup = tmp_path / "backup"
    await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now())")
    ground.run("pg_dump", "--format=custom", "--file", str(backup), ground.admin(database))
    await ask(own, "DELETE FROM inbox")
    await ask(other, "INSERT INTO inbox VALUES (gen_random_uuid(), now())")

    how = ["--clean", "--if-exists", "--no-owner", *(["--schema=payments"] if one else [])]
    role = ["--role=payments_owner"] if who == "an administrator as the owner" else []
    by = owner if who == "the owner" else ground.admin(database)
    ground.run("pg_restore", *how, *role, "--dbname", by, str(backup))
    if who == "an administrator":
        ground.prepare(one)

    assert await ask(own, "DELETE FROM inbox RETURNING 1") == 1
    await assert_works_with_rows_alone(own)
    assert await ask(other, "SELECT count(*) FROM inbox") == 1
    apart(migrate, "payments", owner)
    assert await ask(owner, "ALTER TABLE inbox ADD COLUMN later int", "ALTER FUNCTION only_grows() STABLE") is None


@either_way
@pytest.mark.parametrize("ground", MOST_APART, indirect=True)
async def test_a_backup_comes_back_on_an_empty_server(ground: Ground, one: str, tmp_path: Path) -> None:
    ground.prepare(one)
    database, backup = one or "payments", tmp_path / "backup"
    owner, own = ground.address(database, "payments_owner"), ground.address(database, "payments")
    apart(migrate, "payments", owner)
    await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now())")
    ground.run("pg_dump", "--format=custom", "--file", str(backup), ground.admin(database))
    await ask(ground.admin_url, f'DROP DATABASE "{database}" WITH (FORCE)')

    ground.prepare(one)
    how = ["--clean", "--if-exists", "--no-owner", *(["--schema=payments"] if one else [])]
    ground.run("pg_restore", *how, "--dbname", owner, str(backup))

    assert await ask(own, "DELETE FROM inbox RETURNING 1") == 1
    await assert_works_with_rows_alone(own)
    apart(migrate, "payments", owner)
