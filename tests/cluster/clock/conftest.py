"""A cluster whose clock tests move: its own, for what happened there happened at another time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from posada.cluster.cluster import LocalCluster
from tests.support.cluster.days import Days
from tests.support.cluster.front_desk import TOKEN
from tests.support.cluster.gateway import Gateway
from tests.support.cluster.not_durable import not_durable_cluster

# Money is looked for over days, instead of hours.
ATTEMPTS = '{"bank_transfer": [2, 2, 26], "card_link": [2]}'


@pytest.fixture(scope="package")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Started once for this folder."""
    folder = tmp_path_factory.mktemp("clock")
    env = {"POSADA_API_TOKEN": TOKEN}
    payments = {"POSADA_RETRY_ATTEMPTS": ATTEMPTS}
    with not_durable_cluster(folder, env=env, service_env={"payments": payments}, movable_clock=True) as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: LocalCluster) -> LocalCluster:
    """The running cluster; nothing here breaks it."""
    return running_cluster


@pytest.fixture
async def days(cluster: LocalCluster) -> AsyncIterator[Days]:
    """Lets days pass."""
    async with Days(cluster) as days:
        yield days


@pytest.fixture
async def gateway(cluster: LocalCluster) -> AsyncIterator[Gateway]:
    """A client that hears every booking event from now on."""
    async with Gateway(cluster) as client:
        yield client
