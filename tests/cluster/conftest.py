"""One cluster for the whole folder: real Kafka, real PostgreSQL, the five services as processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from posada.cluster.cluster import LocalCluster
from tests.support.cluster.gateway import Gateway
from tests.support.cluster.not_durable import not_durable_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs on real parts."""
    for item in items:
        if "cluster" in item.path.parts:
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """The cluster, started once and stopped in any case; its processes are tied to ours as well."""
    with not_durable_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster with every copy alive and ready, however the test before left it."""
    yield running_cluster
    for one in running_cluster.services:
        one.process.resume()
        one.process.start()
    running_cluster.wait_until_ready()


@pytest.fixture(scope="module")
def two_copies(running_cluster: LocalCluster) -> Iterator[None]:
    """A second copy of the services that could get in their own way, for all tests of a file."""
    doubled = ("availability", "booking")
    with ThreadPoolExecutor() as pool:
        list(pool.map(running_cluster.scale, doubled, (2, 2)))
        yield
        list(pool.map(running_cluster.scale, doubled, (1, 1)))


@pytest.fixture
async def gateway(cluster: LocalCluster) -> AsyncIterator[Gateway]:
    """A client that hears every booking event from now on."""
    async with Gateway(cluster) as client:
        yield client
