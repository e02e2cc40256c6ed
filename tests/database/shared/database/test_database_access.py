"""PostgreSQL by TLS and password: a real server that speaks nothing else, and clients that check whom they speak to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from posada.cluster.migration import migrate
from posada.doctor import databases
from posada.doctor.findings import State
from shared.contracts.topics import SERVICES
from shared.database.pool import Database
from tests.support.servers.certificates import make_certificate
from tests.support.servers.tls_postgres import ABSENT, TlsPostgres

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(ABSENT), reason=ABSENT)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsPostgres]:
    with TlsPostgres(tmp_path_factory.mktemp("postgres")) as server:
        server.create_databases(SERVICES)
        for service in SERVICES:  # by the owner, over TLS, and on an older PostgreSQL than the embedded one
            migrate(service, trusted(server.owner_dsn(service), server.certificate))
        yield server


def trusted(url: str, authority: Path, mode: str = "verify-full") -> str:
    return f"{url}?sslmode={mode}&sslrootcert={authority}"


def by_name(url: str) -> str:
    """The same address by the host's name, which is not in the certificate."""
    return urlunsplit(urlsplit(url)._replace(netloc=urlsplit(url).netloc.replace("127.0.0.1", "localhost")))


async def secured(url: str) -> bool:
    database = Database(url)
    await database.open()
    async with database.connection() as connection:
        found: bool = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await database.close()
    return found


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_speaks_tls_and_the_doctor_is_content(server: TlsPostgres, service: str) -> None:
    url = trusted(server.dsn(service, service), server.certificate)
    assert await secured(url)
    found = [finding async for finding in databases.look_at(service, url)]
    assert {finding.state for finding in found} == {State.FINE}
    assert any("its name is checked" in finding.text for finding in found)


async def test_the_chart_s_variables_do_the_same(server: TlsPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address without password and options: those are variables that the client library reads."""
    address = urlsplit(server.dsn("booking", "booking"))
    for name, value in {
        "PGPASSWORD": address.password or "",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(server.certificate),
    }.items():
        monkeypatch.setenv(name, value)
    url = urlunsplit(address._replace(netloc=f"booking@{address.hostname}:{address.port}"))
    assert await secured(url)
    assert {finding.state async for finding in databases.look_at("booking", url)} == {State.FINE}
    owner = urlsplit(server.owner_dsn("booking"))
    monkeypatch.setenv("PGPASSWORD", owner.password or "")
    bare = urlunsplit(owner._replace(netloc=f"booking_owner@{owner.hostname}:{owner.port}"))
    assert await asyncio.to_thread(migrate, "booking", bare) == []


async def test_plain_text_is_refused(server: TlsPostgres) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await secured(server.dsn("booking", "booking") + "?sslmode=disable")


async def test_a_server_that_another_authority_signed_is_not_spoken_to(server: TlsPostgres, tmp_path: Path) -> None:
    make_certificate(tmp_path / "key.pem", tmp_path / "other.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        await secured(trusted(server.dsn("booking", "booking"), tmp_path / "other.pem"))


async def test_a_server_of_another_name_is_not_spoken_to(server: TlsPostgres) -> None:
    url = by_name(server.dsn("booking", "booking"))
    with pytest.raises(ssl.SSLCertVerificationError, match="localhost"):
        await secured(trusted(url, server.certificate))
    assert await secured(trusted(url, server.certificate, "verify-ca"))  # who checks no name does not notice
    unchecked = [
        finding.text async for finding in databases.look_at("booking", trusted(url, server.certificate, "verify-ca"))
    ]
    assert "uses TLS, but its name is not checked" in unchecked


async def test_a_wrong_password_is_refused(server: TlsPostgres) -> None:
    address = urlsplit(server.dsn("booking", "booking"))
    netloc = f"booking:guess@{address.hostname}:{address.port}"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await secured(trusted(urlunsplit(address._replace(netloc=netloc)), server.certificate))
