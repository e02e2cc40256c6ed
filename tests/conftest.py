"""The real parts that tests run on: chosen once, started when first asked for, always ended."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from deploy.local.choice import KAFKA_VARIABLE, Backends, choose_backends
from deploy.local.databases import PostgresBackend
from tests.support.doubles.loopback import AS_A_VARIABLE
from tests.support.scale import scaled
from tests.support.servers.database_pool import DatabasePool
from tests.support.servers.databases import Databases, FreshDatabase

pytest.register_assert_rewrite("tests.support.sagas.storm", "tests.support.sagas.in_memory_cluster")

SESSION_SECONDS = "3"
PARTS = pytest.StashKey[Backends]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the parts; nothing starts yet. Only what goes wrong is logged."""
    settings.register_profile("posada", max_examples=scaled(200, part=50), deadline=None)  # a busy machine is slow
    settings.load_profile("posada")
    os.environ.setdefault("POSADA_OUTBOUND_ALLOWED", AS_A_VARIABLE)
    if KAFKA_VARIABLE not in os.environ:  # other brokers than ours allow no session as short, so that a kill costs more
        os.environ.setdefault("POSADA_KAFKA_SESSION_SECONDS", SESSION_SECONDS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = tempfile.TemporaryDirectory(prefix="posada-tests-", ignore_cleanup_errors=True)
    config.stash[FOLDER] = folder
    # Pytest closes its usual folder when another run begins, and PostgreSQL's account could no longer pass through.
    config.option.basetemp = config.option.basetemp or str(Path(folder.name) / "pytest")
    config.stash[PARTS] = choose_backends(Path(folder.name), os.environ, durable=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if folder := config.stash.get(FOLDER, None):
        folder.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of hypothesis, whose examples `make test-long` has all."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which worker runs what."""
    from tests.support.workers import ByServers  # noqa: PLC0415  # only where there are workers

    return ByServers(config, log)


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


@pytest.fixture(scope="session")
def database_pool(databases: Databases) -> DatabasePool:
    """Lends databases to one test after the other."""
    return DatabasePool(databases)


@pytest.fixture
def fresh_database(database_pool: DatabasePool) -> Iterator[FreshDatabase]:
    """Gives the address of a service's database that is this test's own."""
    yield from _lend(database_pool)


@pytest.fixture(scope="module")
def module_database(database_pool: DatabasePool) -> Iterator[FreshDatabase]:
    """Gives the address of a service's database that this module's tests share."""
    yield from _lend(database_pool)


def _lend(pool: DatabasePool) -> Iterator[FreshDatabase]:
    lent: list[str] = []

    def lend(service: str, more: str = "") -> str:
        lent.append(pool.lend(service, more))
        return lent[-1]

    yield lend
    pool.take_back(lent)
