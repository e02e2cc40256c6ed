"""A few kilobytes that unpack to a hundred megabytes end no service that has little memory, on any topic."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES, dead
from shared.outbox.dead_letter_topic import list_dead
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import Gateway, wait_for
from tests.support.cluster.good_messages import PLACES
from tests.support.cluster.odd_records import publish_batch

ROOM = 96 * 1024 * 1024  # bytes that a service may take beyond what it has
UNPACKED = b"0" * 150_000_000
READ = sorted({place.topic for place in PLACES})
PATIENCE_S = 60.0


@pytest.fixture
def little_memory(cluster: LocalCluster) -> Iterator[None]:
    """Every service may grow by ROOM; what it has not got then, it does not get."""
    pids = [one.process.pid for one in cluster.services]
    assert all(pids)
    before = {pid: resource.prlimit(pid, resource.RLIMIT_AS) for pid in pids if pid}
    for pid in before:
        resource.prlimit(pid, resource.RLIMIT_AS, (_size(pid) + ROOM, before[pid][1]))
    yield
    for pid, limit in before.items():
        resource.prlimit(pid, resource.RLIMIT_AS, limit)


def _size(pid: int) -> int:
    """Its memory, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_no_service_unpacks_more_than_it_has_room_for(
    cluster: LocalCluster, gateway: Gateway, codec: str
) -> None:
    pids = [one.process.pid for one in cluster.services]
    for topic in READ:
        await publish_batch(gateway.producer, topic, [(UNPACKED, [])], codec=codec)
    wanted = [request(fresh_night()) for _ in range(20)]  # on every partition behind them
    await gateway.pay([money_for(one) for one in wanted])
    outcomes = await asyncio.gather(*[gateway.book(one) for one in wanted])
    assert {outcome.kind for outcome in outcomes} == {"confirmed"}

    async def each_is_set_aside() -> bool:
        letters = await list_dead(
            cluster.kafka_bootstrap, [dead(service) for service in SERVICES], cluster.secrets.seal()
        )
        told = {letter.topic for letter in letters if "unpack to more than" in letter.reason}
        return told == set(READ)

    await wait_for(each_is_set_aside, what="a dead letter for each topic", timeout_s=PATIENCE_S)
    assert [one.process.pid for one in cluster.services] == pids
