"""Two hundred clients read an export byte by byte, each from an address of its own: bookings go on at their pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import pytest

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import many, money_for
from tests.support.cluster.gateway import REQUESTS, Gateway
from tests.support.servers.sockets import GET, Raw, connected

READERS = 200
ROOMS = 60_000  # whose lines are far more than kernels keep of an answer that nobody takes
BOOKINGS = 24
SLOWER, MORE_S = 4, 5.0  # what a machine with other work may add to the usual time
LONG = "long"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def long_catalogue(cluster: LocalCluster) -> AsyncIterator[None]:
    """A property whose export takes long."""
    connection = await asyncpg.connect(cluster.database_url("availability"))
    await connection.execute(
        "INSERT INTO properties (id, name, timezone, currency, tax_rate, prices_include_tax, hold_minutes)"
        " VALUES ($1, 'Long', 'UTC', 'USD', 0, false, 20)",
        LONG,
    )
    await connection.execute(
        "INSERT INTO room_types (property_id, key, label, position, adults, guests, extra_beds, is_place)"
        " VALUES ($1, $2, 'Plain', 0, 2, 2, 0, false)",
        LONG,
        "plain" * 20,
    )
    await connection.execute(
        "INSERT INTO rooms (property_id, number, type_key)"
        " SELECT $1, n::text, $2 FROM generate_series(1, $3::int) AS n",
        LONG,
        "plain" * 20,
        ROOMS,
    )
    yield
    for statement in (
        "DELETE FROM rooms WHERE property_id = $1",
        "DELETE FROM room_types WHERE property_id = $1",
        "DELETE FROM properties WHERE id = $1",
    ):
        await connection.execute(statement, LONG)
    await connection.close()


@pytest.fixture
def patient(cluster: LocalCluster) -> Iterator[None]:
    """Availability as it is, but that it does not end slow clients: they are to be there all the time."""
    cluster.configure("availability", {"POSADA_HTTP_PATIENCE_SECONDS": "600", "POSADA_HTTP_TRANSFER_SECONDS": "1200"})
    yield
    cluster.configure("availability", {})


@asynccontextmanager
async def readers(port: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    """So many clients that have asked for the export and take a byte of it now and then."""
    async with AsyncExitStack() as opened:
        tasks = []
        for number in range(READERS):
            raw = await opened.enter_async_context(connected(port, source=f"127.0.1.{number + 1}", receive_buffer=4096))
            await raw.send(GET % b"/catalogue/export")
            assert await raw.take(1) == b"H"
            tasks.append(asyncio.create_task(sip(raw)))
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def sip(raw: Raw) -> None:
    """A byte a second, until there is none; the last of an export would come in months."""
    while await raw.take(1):  # noqa: ASYNC110 — slowness itself
        await asyncio.sleep(1)


async def answered(other: httpx.AsyncClient, path: str, **asked: str) -> None:
    """Ask as a client does that is told to ask again in a moment, which a busy machine may say once."""
    async with asyncio.timeout(60):
        while (await other.get(path, params=asked)).status_code != httpx.codes.OK:  # noqa: ASYNC110 — nobody tells of it
            await asyncio.sleep(0.5)


async def booked(gateway: Gateway) -> float:
    """Seconds from publishing some requests to the last one's confirmation."""
    wanted = many(BOOKINGS)
    await gateway.pay([money_for(one) for one in wanted])
    began = time.monotonic()
    await gateway.publish_all(REQUESTS, wanted)
    outcomes = await gateway.outcomes([one["request_id"] for one in wanted], timeout_s=60)
    assert {outcome.kind for outcome in outcomes} == {"confirmed"}
    return time.monotonic() - began


@pytest.mark.usefixtures("long_catalogue", "patient")
async def test_bookings_go_on_beside_two_hundred_slow_readers(cluster: LocalCluster, gateway: Gateway) -> None:
    await booked(gateway)  # the first ones after a start are slower
    usual = max([await booked(gateway) for _ in range(2)])
    url = cluster.http("availability")
    async with readers(int(url.rpartition(":")[2])) as reading:
        beside = max([await booked(gateway) for _ in range(3)])
        assert not [task for task in reading if task.done()], "readers were not there all the time"
        assert beside < SLOWER * usual + MORE_S
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as other:
            await answered(other, "/health/ready")
            for _ in range(5):
                await answered(other, "/catalogue/type", property_id="las-hojas")


async def test_slow_readers_lose_their_connections(cluster: LocalCluster, long_catalogue: None) -> None:
    """As a service is by default, without a word about patience."""
    del long_catalogue
    port = int(cluster.http("availability").rpartition(":")[2])
    async with AsyncExitStack() as opened:
        connections = []
        for _ in range(3):
            raw = await opened.enter_async_context(connected(port, receive_buffer=4096))
            await raw.send(GET % b"/catalogue/export")
            connections.append(raw)
        url = cluster.http("availability")
        async with asyncio.timeout(120), httpx.AsyncClient(base_url=url, trust_env=False) as other:
            while 'posada_http_cut_total{reason="answer"} 3.0' not in (await other.get("/metrics")).text:
                for raw in connections:
                    await raw.take(1)
                await asyncio.sleep(1)
