"""deploy/postgres/databases.sh, which operators run against a server of their own; by PostgreSQL 15 and the newest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import PostgresBackend, url_for
from posada.cluster.migration import migrate
from posada.doctor import databases
from posada.doctor.findings import State
from shared.contracts.topics import SERVICES
from tests.support.servers.databases import apart, ask
from tests.support.servers.operator_server import REFUSED, SCRIPT, Ground, assert_works_with_rows_alone, either_way

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed (Debian: postgresql-client)"),
]
ROTATING = Path("docs/routines/rotate-a-key.md").read_text(encoding="utf-8")


@either_way
async def test_services_work_with_rows_that_only_owners_can_alter(ground: Ground, one: str) -> None:
    for _ in range(2):  # the second time it changes nothing
        ground.prepare(one)
    for service in SERVICES:
        apart(migrate, service, ground.address(one or service, f"{service}_owner"))
    ground.prepare(one)
    for service in SERVICES:
        own = ground.address(one or service, service)
        assert await ask(own, "SELECT current_schema()") == (service if one else "public")
        await assert_works_with_rows_alone(own)
    with pytest.raises(REFUSED):
        await ask(ground.address(one or "payments", "booking"), "SELECT count(*) FROM payments.inbox")


@either_way
async def test_what_services_of_an_older_posada_owned_goes_to_the_owners(ground: Ground, one: str) -> None:
    ground.prepare(one)
    for service in SERVICES:  # as it was: the service owned everything, and migrated
        database = one or service
        what = f'SCHEMA "{service}"' if one else f'DATABASE "{service}"'
        await ask(
            ground.admin(database),
            f'ALTER {what} OWNER TO "{service}"',
            f'GRANT CONNECT, TEMPORARY ON DATABASE "{database}" TO "{service}"',
            *([] if one else ["GRANT CREATE ON SCHEMA public TO PUBLIC"]),  # as in PostgreSQL 14
        )
        apart(migrate, service, ground.address(database, service))

    ground.prepare(one, mark="new")

    for service in SERVICES:
        await assert_works_with_rows_alone(ground.address(one or service, service, "new"))
        apart(migrate, service, ground.address(one or service, f"{service}_owner", "new"))


@either_way
@pytest.mark.parametrize("ground", ["administrator"], indirect=True)
async def test_a_second_role_takes_a_service_s_place_as_the_page_says(ground: Ground, one: str) -> None:
    ground.prepare(one)
    database = one or "booking"
    apart(migrate, "booking", ground.address(database, "booking_owner"))
    made, *found = re.findall(r"`((?:CREATE|ALTER) ROLE booking_2 [^`]+)`", " ".join(ROTATING.split()))
    assert len(found) == 1
    await ask(ground.admin(database), made, *(found if one else ()))
    try:
        url = url_for(ground.admin_url, database, "booking_2", "SECRET")
        await assert_works_with_rows_alone(url)
        texts = {finding.text: finding.state async for finding in databases.look_at("booking", url)}
        assert set(texts.values()) == {State.FINE}, texts
    finally:
        await ask(ground.admin(database), "DROP ROLE booking_2")


@pytest.mark.parametrize("ground", ["administrator"], indirect=True)
async def test_it_waits_for_no_backup_and_takes_nothing_from_services_at_work(ground: Ground) -> None:
    ground.prepare()
    await ask(ground.admin("availability"), "ALTER DATABASE availability OWNER TO availability")
    own = ground.address("availability", "availability")
    apart(migrate, "availability", own)
    backup = await asyncpg.connect(own)
    try:
        async with backup.transaction():
            await backup.execute("LOCK TABLE inbox IN ACCESS SHARE MODE")
            done = ground.run_script()
            assert done.returncode != 0
            assert "are unchanged for availability" in done.stderr
            assert await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
    finally:
        await backup.close()
    ground.prepare()


@pytest.mark.parametrize("ground", ["administrator"], indirect=True)
async def test_what_an_administrator_may_not_hand_over_is_named(ground: Ground, postgres: PostgresBackend) -> None:
    ground.prepare()
    by_superuser = url_for(postgres.admin_url, "booking", "postgres", str(urlsplit(postgres.admin_url).password))
    await ask(by_superuser, "CREATE TABLE kept (n int)")
    done = ground.run_script()
    assert done.returncode == 0, done.stderr
    assert "TABLE kept belongs to postgres" in done.stderr
    assert "ALTER TABLE kept OWNER TO booking_owner" in done.stderr


@pytest.mark.parametrize("ground", ["administrator"], indirect=True)
async def test_it_begins_in_the_database_that_is_named(ground: Ground) -> None:
    """Not every server lets its administrator into one that is called postgres."""
    done = ground.run_script(first="nowhere")
    assert done.returncode != 0
    assert 'database "nowhere" does not exist' in done.stderr


def test_a_password_that_is_missing_is_named() -> None:
    done = subprocess.run(
        ["sh", SCRIPT],  # noqa: S607
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "AVAILABILITY_PASSWORD" in done.stderr
