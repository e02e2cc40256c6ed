"""The embedded PostgreSQL keeps what was committed, and keeps the services out of each other's databases."""

import os
import signal
import threading
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import url_for
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.processes.process import AlreadyRunning
from deploy.local.processes.waiting import wait_until
from tests.support.servers.databases import ask

pytestmark = pytest.mark.real


async def test_settings_that_the_services_count_on(postgres: EmbeddedPostgres) -> None:
    for setting, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "200",
        "listen_addresses": "127.0.0.1",
        "TimeZone": "UTC",
    }.items():
        assert await ask(postgres.admin_url, f"SHOW {setting}") == value


async def test_a_service_works_with_rows_and_alters_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["booking"])
    url = postgres.dsn("booking", "booking")

    await ask(postgres.owner_dsn("booking"), "CREATE TABLE stay (id bigserial, nights int CHECK (nights > 0))")

    assert await ask(url, "INSERT INTO stay (nights) VALUES (3) RETURNING nights") == 3
    assert await ask(url, "UPDATE stay SET nights = 4 RETURNING nights") == 4
    assert await ask(url, "DELETE FROM stay RETURNING nights") == 4
    for statement in (
        "CREATE TABLE more (n int)",
        "ALTER TABLE stay DROP CONSTRAINT stay_nights_check",
        "TRUNCATE stay",
        "DROP TABLE stay",
        "CREATE TEMPORARY TABLE more (n int)",
        "CREATE SCHEMA more",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(url, statement)


async def test_what_a_service_once_owned_goes_to_the_owner(postgres: EmbeddedPostgres) -> None:
    """Databases of an older Posada: their service owned them."""
    postgres.create_databases(["payments"])
    url = postgres.dsn("payments", "payments")
    await ask(postgres.admin_url, 'ALTER DATABASE payments OWNER TO "payments"')
    await ask(url, "CREATE TABLE older (id bigserial, n int)", "INSERT INTO older (n) VALUES (7)")

    postgres.create_databases(["payments"])

    assert await ask(url, "INSERT INTO older (n) VALUES (8) RETURNING id") == 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(url, "DROP TABLE older")
    await ask(postgres.owner_dsn("payments"), "DROP TABLE older")


async def test_what_an_administrator_restored_goes_to_the_owner(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["payments"])
    admin = urlsplit(postgres.admin_url)
    inside = url_for(postgres.admin_url, "payments", str(admin.username), str(admin.password))
    function = "CREATE FUNCTION seven() RETURNS int LANGUAGE sql RETURN 7"
    await ask(inside, "CREATE TABLE restored (id bigserial, n int)", function)

    postgres.create_databases(["payments"])

    assert await ask(postgres.dsn("payments", "payments"), "INSERT INTO restored (n) VALUES (8) RETURNING id") == 1
    await ask(postgres.owner_dsn("payments"), "DROP TABLE restored", "DROP FUNCTION seven")


async def test_a_service_that_is_read_keeps_its_rights_until_they_can_change_hands(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["payments"])
    url = postgres.dsn("payments", "payments")
    await ask(postgres.admin_url, 'ALTER DATABASE payments OWNER TO "payments"')
    await ask(url, "CREATE TABLE older (n int)")
    reader = await asyncpg.connect(url)
    try:
        async with reader.transaction():
            await reader.execute("LOCK TABLE older IN ACCESS SHARE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                postgres.create_databases(["payments"])
            await ask(url, "INSERT INTO older VALUES (7)")
    finally:
        await reader.close()
    postgres.create_databases(["payments"])
    await ask(postgres.owner_dsn("payments"), "DROP TABLE older")


async def test_one_service_can_t_open_another_s_database(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["booking", "payments"])

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await ask(postgres.dsn("payments", "booking"), "SELECT 1")


async def test_passwords_are_asked_for(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["booking"])

    for url in (postgres.dsn("booking", "booking"), postgres.socket_dsn("booking", "booking")):
        wrong = url.replace(url.split(":")[2].split("@")[0], "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(wrong, "SELECT 1")


async def test_creating_again_changes_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["availability"])
    url = postgres.owner_dsn("availability")
    await ask(url, "CREATE TABLE room AS SELECT 7 AS number")

    postgres.create_databases(["availability"])

    assert await ask(url, "SELECT number FROM room") == 7


async def test_two_sessions_may_prepare_at_once(postgres: EmbeddedPostgres) -> None:
    names = ["one", "two", "three"]
    others = [threading.Thread(target=postgres.create_databases, args=(names,)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()

    for name in names:
        assert await ask(postgres.dsn(name, name), "SELECT current_database()") == name


async def test_dropping_ends_connections_and_is_repeatable(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["t1_booking"])
    connection = await asyncpg.connect(postgres.dsn("t1_booking", "t1_booking"))

    postgres.drop_databases(["t1_booking"])
    postgres.drop_databases(["t1_booking"])

    assert await ask(postgres.admin_url, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 't1_booking%'") == 0
    connection.terminate()


async def test_the_socket_leads_to_the_same_server(postgres: EmbeddedPostgres) -> None:
    postgres.create_databases(["booking"])

    assert await ask(postgres.socket_dsn("booking", "booking"), "SELECT inet_server_addr()") is None
    assert str(await ask(postgres.dsn("booking", "booking"), "SELECT inet_server_addr()")) == "127.0.0.1"


def test_a_second_start_on_the_same_folder_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(AlreadyRunning, match=f"already runs as process {postgres.process.pid}"):
        EmbeddedPostgres(postgres.log_file.parent).start()


async def test_what_was_committed_survives_stop_kill_and_the_loss_of_its_head(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        server.create_databases(["booking"])
        url = server.owner_dsn("booking")
        await ask(url, "CREATE TABLE stay AS SELECT 1 AS nights")
    assert not server.process.alive

    with EmbeddedPostgres(folder) as server:
        assert server.owner_dsn("booking") == url  # port and password
        await ask(url, "UPDATE stay SET nights = nights + 1")

        server.kill()
        server.start()
        assert await ask(url, "UPDATE stay SET nights = nights + 1 RETURNING nights") == 3

        assert server.process.pid is not None
        os.kill(server.process.pid, signal.SIGKILL)  # its backends are still there
        assert wait_until(lambda: not server.process.alive, 5)
        server.start()
        assert await ask(url, "SELECT nights FROM stay") == 3


async def test_a_long_or_unusual_path_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "a ça, d'été" / ("long" * 30)

    with EmbeddedPostgres(folder) as server:
        server.create_databases(["booking"])
        assert await ask(server.socket_dsn("booking", "booking"), "SELECT 1") == 1
        socket_dir = server.socket_dir

    assert len(str(socket_dir)) < 90
    assert not socket_dir.exists()
