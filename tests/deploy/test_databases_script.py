"""deploy/postgres/databases.sh, which operators run against a server of their own; by PostgreSQL 15 and the newest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import PostgresPart, url_for
from deploy.local.postgres import programs
from posada.doctor import databases
from posada.doctor.findings import State
from posada.migrating import migrate
from shared.contracts.topics import SERVICES
from tests.support.databases import apart
from tests.support.debian_postgres import ABSENT, INSTALLED, DebianPostgres, folder_of_its_own

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed (Debian: postgresql-client)"),
]
SCRIPT = Path("deploy/postgres/databases.sh")
ROTATING = Path("docs/routines/rotate-a-key.md").read_text(encoding="utf-8")
# With all that a shell could make something else of.
SIGNS = "p'a\"ss $HOME `id` \\ %"
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)


def password(role: str) -> str:
    return f"{role} {SIGNS}"


@dataclass(frozen=True)
class Ground:
    """A server, who administers it, and where programs of its version are."""

    admin_url: str
    programs: Path

    def run_script(self, one: str = "", *, mark: str = "", first: str = "postgres") -> subprocess.CompletedProcess[str]:
        """Run the script; `one` is the database of all, `mark` makes other passwords, `first` is where it begins."""
        admin = urlsplit(self.admin_url)
        roles = [role for service in SERVICES for role in (service, f"{service}_owner")]
        variables = {
            "PATH": os.environ["PATH"],
            "PGHOST": str(admin.hostname),
            "PGPORT": str(admin.port),
            "PGUSER": str(admin.username),
            "PGPASSWORD": str(admin.password),
            "PGDATABASE": first,
            "POSADA_ONE_DATABASE": one,
            **{f"{role.upper()}_PASSWORD": password(role) + mark for role in roles},
        }
        return subprocess.run(["sh", SCRIPT], env=variables, capture_output=True, text=True, check=False)  # noqa: S607

    def prepare(self, one: str = "", *, mark: str = "") -> None:
        """Run the script, which has to succeed and to complain of nothing."""
        done = self.run_script(one, mark=mark)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    def address(self, database: str, role: str, mark: str = "") -> str:
        """A role's address."""
        return url_for(self.admin_url, database, role, password(role) + mark)

    def admin(self, database: str) -> str:
        """The administrator's address."""
        admin = urlsplit(self.admin_url)
        return url_for(self.admin_url, database, str(admin.username), str(admin.password))

    def run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL, which has to succeed."""
        done = subprocess.run([self.programs / program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


async def ask(url: str, *statements: str) -> object:
    """The last statement's answer."""
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def older() -> Iterator[DebianPostgres]:
    """Debian's server."""
    with folder_of_its_own() as folder, DebianPostgres(folder) as server:
        yield server


@pytest.fixture(params=["superuser", "administrator", "administrator of an older server"])
async def ground(request: pytest.FixtureRequest, postgres: PostgresPart) -> Ground:
    """A server without what an earlier test made, by a superuser or one who may only make roles and databases."""
    if request.param.endswith("older server"):
        if ABSENT:
            pytest.skip(ABSENT)
        server: PostgresPart = request.getfixturevalue("older")
        at = INSTALLED[-1].parent
    else:
        server, at = postgres, programs()
    server.drop_databases(["posada", *SERVICES])
    if request.param == "superuser":
        return Ground(server.admin_url, at)
    await ask(
        server.admin_url,
        "DROP ROLE IF EXISTS administrator",
        "CREATE ROLE administrator LOGIN CREATEROLE CREATEDB PASSWORD 'hers'",
    )
    return Ground(url_for(server.admin_url, "postgres", "administrator", "hers"), at)


# Where nothing else than these could differ.
MOST_APART = ["superuser", "administrator of an older server"]
either_way = pytest.mark.parametrize("one", ["", "posada"], ids=["each its own", "one for all"])


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


async def assert_works_with_rows_alone(url: str) -> None:
    """By the service's address."""
    assert await ask(url, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
    assert await ask(url, "DELETE FROM inbox RETURNING 1") == 1
    for statement in (
        "ALTER TABLE inbox DROP CONSTRAINT inbox_pkey",
        "TRUNCATE inbox",
        "CREATE TABLE t (n int)",
        "CREATE TEMPORARY TABLE t (n int)",
    ):
        with pytest.raises(REFUSED):
            await ask(url, statement)


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
            assert "as they were for availability" in done.stderr
            assert await ask(own, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
    finally:
        await backup.close()
    ground.prepare()


@pytest.mark.parametrize("ground", ["administrator"], indirect=True)
async def test_what_an_administrator_may_not_hand_over_is_named(ground: Ground, postgres: PostgresPart) -> None:
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
