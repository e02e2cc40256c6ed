"""Servers for the tests of this folder, started once for each file that asks and always ended."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from deploy.local.databases import PostgresBackend, url_for
from deploy.local.kafka.server import EmbeddedKafka
from deploy.local.postgres import EmbeddedPostgres, programs
from shared.contracts.topics import SERVICES
from tests.support.cluster.compose_stack import free_port
from tests.support.servers.databases import ask
from tests.support.servers.debian_postgres import ABSENT, INSTALLED, DebianPostgres
from tests.support.servers.operator_server import Ground


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Letters:
    """What the mail server was handed, by recipient."""

    def __init__(self) -> None:
        self.to: Counter[str] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 — aiosmtpd's word
        self.to.update(envelope.rcpt_tos)
        return "250 OK"


@pytest.fixture(scope="module")
def letters() -> Iterator[tuple[Letters, int]]:
    """A real mail server that containers reach."""
    handler, port = Letters(), free_port()
    controller = Controller(handler, hostname="0.0.0.0", port=port)  # noqa: S104 — containers come from outside
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianPostgres]:
    """Debian's server."""
    with DebianPostgres(tmp_path_factory.mktemp("older")) as server:
        yield server


@pytest.fixture(params=["superuser", "administrator", "administrator of an older server"])
async def ground(request: pytest.FixtureRequest, postgres: PostgresBackend) -> Ground:
    """A server without what an earlier test made, by a superuser or one who may only make roles and databases."""
    if request.param.endswith("older server"):
        if ABSENT:
            pytest.skip(ABSENT)
        server: PostgresBackend = request.getfixturevalue("older")
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
