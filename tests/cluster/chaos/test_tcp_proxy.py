"""TcpProxies pass everything on as it is, until they are torn, slow or mute."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.faults.plan import BROKER_PROXY, database_proxy
from chaos.faults.proxied_cluster import ProxiedCluster
from chaos.faults.tcp_proxy import TcpProxies
from deploy.local.processes.folders import LOOPBACK
from shared.contracts.topics import SERVICES

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that says everything again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxies(echo: int) -> AsyncIterator[TcpProxies]:
    """One line, to the echo."""
    with TcpProxies() as proxies:
        proxies.open("echo", echo)
        yield proxies


async def connected(proxies: TcpProxies) -> Ends:
    return await asyncio.open_connection(LOOPBACK, proxies.open("echo", 0))


async def say(ends: Ends, words: bytes) -> bytes:
    ends[1].write(words)
    return await ends[0].readexactly(len(words))


async def test_what_is_said_comes_back_whole(proxies: TcpProxies) -> None:
    words = bytes(range(256)) * 2000
    assert await say(await connected(proxies), words) == words


async def test_a_torn_line_ends_its_connections_and_takes_new_ones(proxies: TcpProxies) -> None:
    several = [await connected(proxies) for _ in range(3)]
    for ends in several:
        assert await say(ends, b"here") == b"here"
    assert await asyncio.to_thread(proxies.tear, "echo") == 3
    for reader, _ in several:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    assert await say(await connected(proxies), b"again") == b"again"


async def test_a_mute_line_takes_words_and_loses_them(proxies: TcpProxies) -> None:
    reader, writer = await connected(proxies)
    assert await say((reader, writer), b"here") == b"here"
    await asyncio.to_thread(proxies.mute, "echo", silent=True)
    writer.write(b"lost")
    await writer.drain()
    answer = asyncio.create_task(reader.read(4))
    assert await asyncio.to_thread(proxies.mute, "echo", silent=False) == 1
    with contextlib.suppress(ConnectionError):
        assert await answer == b""
    assert await say(await connected(proxies), b"again") == b"again"


async def test_a_slow_line_keeps_the_order_and_loses_nothing(proxies: TcpProxies) -> None:
    ends = await connected(proxies)
    await asyncio.to_thread(proxies.slow, "echo", 0.01, 7)
    words = b"".join(f"{number:05}".encode() for number in range(200))
    for begin in range(0, len(words), 50):
        ends[1].write(words[begin : begin + 50])
        await ends[1].drain()
    assert await ends[0].readexactly(len(words)) == words


async def test_where_nobody_listens_a_line_hangs_up() -> None:
    with TcpProxies() as proxies:
        proxies.open("nobody", 1)
        reader, _ = await asyncio.open_connection(LOOPBACK, proxies.open("nobody", 1))
        with contextlib.suppress(ConnectionError):
            assert await reader.read(1) == b""


@pytest.mark.real
def test_a_clusters_services_reach_everything_over_proxies(tmp_path: Path) -> None:
    with TcpProxies() as proxies:
        cluster = ProxiedCluster(tmp_path, proxies, environ={"POSADA_PARTS": "embedded"}, services=("notifications",))
        with cluster:
            told = cluster.addresses("notifications")
            assert set(proxies.names) == {BROKER_PROXY, database_proxy("notifications")}
            assert set(proxies.names) < {BROKER_PROXY, *map(database_proxy, SERVICES)}
            assert told["POSADA_KAFKA_BOOTSTRAP"] != cluster.kafka_bootstrap
            assert told["POSADA_DATABASE_URL"] != cluster.database_url("notifications")
            assert proxies.tear(BROKER_PROXY) > 0
            assert proxies.tear(database_proxy("notifications")) > 0
            cluster.wait_until_ready()
