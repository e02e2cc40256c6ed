"""The real parts that tests run on: chosen once, started when first asked for, always ended."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from deploy.local.choice import Backends, choose_backends
from deploy.local.databases import PostgresBackend
from tests.support.doubles.loopback import AS_A_VARIABLE
from tests.support.servers.databases import Databases, FreshDatabase

pytest.register_assert_rewrite("tests.support.sagas.storm", "tests.support.sagas.in_memory_cluster")

PARTS = pytest.StashKey[Backends]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the parts; nothing starts yet. Only what goes wrong is logged."""
    os.environ.setdefault("POSADA_OUTBOUND_ALLOWED", AS_A_VARIABLE)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = tempfile.TemporaryDirectory(prefix="posada-tests-", ignore_cleanup_errors=True)
    config.stash[FOLDER] = folder
    config.stash[PARTS] = choose_backends(Path(folder.name), os.environ)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if folder := config.stash.get(FOLDER, None):
        folder.cleanup()


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the real tests run on."""
    return f"parts: {config.stash[PARTS].describe()}"


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest) -> Backends:
    """The parts, not started."""
    return request.config.stash[PARTS]


@pytest.fixture(scope="session")
def postgres(parts: Backends) -> Iterator[PostgresBackend]:
    """A PostgreSQL server."""
    with parts.postgres as server:
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(parts: Backends) -> Iterator[str]:
    """The address of a Kafka broker."""
    with parts.kafka as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def databases(postgres: PostgresBackend) -> Iterator[Databases]:
    """Makes databases; those still there at the end are dropped."""
    made = Databases(postgres)
    yield made
    made.drop_all()


@pytest.fixture
def fresh_database(databases: Databases) -> Iterator[FreshDatabase]:
    """Gives the address of a service's database that is this test's own."""
    yield from _lend(databases)


@pytest.fixture(scope="module")
def module_database(databases: Databases) -> Iterator[FreshDatabase]:
    """Gives the address of a service's database that this module's tests share."""
    yield from _lend(databases)


def _lend(databases: Databases) -> Iterator[FreshDatabase]:
    lent: list[str] = []

    def make(service: str) -> str:
        lent.append(databases.fresh(service))
        return lent[-1]

    yield make
    for url in lent:
        databases.drop(url)
