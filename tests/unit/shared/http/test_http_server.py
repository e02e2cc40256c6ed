"""A client that does not do its part loses its connection, and no client has all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from pydantic import ValidationError

from shared.http import server as http_server
from shared.http.app import authenticated, let_clients_leave
from shared.http.bounds import Bounds, Connections, Pace, Place, client_of
from shared.http.server import MOST_HEAD, MOST_PIPELINED, config_of
from shared.settings import ServiceSettings
from tests.support.servers.sockets import GET, Raw, connected

pytestmark = pytest.mark.timeout(60)
PATIENCE, WHOLE = 1.0, 4.0
LIMIT = 30.0  # seconds after which a test has failed
CHUNK = "x" * 50_000
OTHER = "127.0.0.2"
SECRET = "a token that nobody of these shows, long enough"  # noqa: S105 — of this test alone


def application() -> FastAPI:
    app = FastAPI()
    let_clients_leave(app)

    async def for_ever() -> AsyncIterator[str]:
        while True:
            await asyncio.sleep(0)
            yield CHUNK

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(for_ever())

    @app.get("/thinks")
    async def thinks() -> str:
        await asyncio.sleep(2 * PATIENCE)
        return "an answer"

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.get("/health/live")
    async def live() -> str:
        return "alive"

    @app.get("/who")
    async def who(request: Request) -> str:
        return request.client.host if request.client else ""

    guard(app)
    return app


def guard(app: FastAPI) -> None:
    """An address that asks for a token, and once a second."""

    @app.get("/secret", dependencies=[Depends(authenticated(ServiceSettings(api_token=SECRET, http_rate=1)))])
    async def secret() -> str:
        return SECRET


@asynccontextmanager
async def served(**settings: object) -> AsyncIterator[int]:
    """The application on a port of its own."""
    given = {"http_port": 0, "http_patience_seconds": PATIENCE, "http_transfer_seconds": WHOLE} | settings
    config = config_of(application(), ServiceSettings.model_validate(given))
    config.lifespan = "off"
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(LIMIT):
            while not server.started:  # noqa: ASYNC110 — nobody tells of it
                await asyncio.sleep(0.01)
            yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.05)


def cut(reason: str) -> float:
    return REGISTRY.get_sample_value("posada_http_cut_total", {"reason": reason}) or 0


Client = Callable[[Raw], Awaitable[None]]


async def drip(raw: Raw, first: bytes, drop: bytes) -> None:
    """Send something now and then, as long as the server lets us."""
    await raw.send(first)
    with pytest.raises((ConnectionError, BrokenPipeError)):
        while True:
            await raw.send(drop)
            await asyncio.sleep(0.1)


async def nothing(_: Raw) -> None:
    return


async def half_a_head(raw: Raw) -> None:
    await raw.send(b"GET /who HTTP/1.1\r\nHost: serv")


async def headers_one_by_one(raw: Raw) -> None:
    await drip(raw, b"GET /who HTTP/1.1\r\n", b"X: y\r\n")


async def blank_lines(raw: Raw) -> None:
    await drip(raw, b"", b"\r\n")


async def half_a_body(raw: Raw) -> None:
    await raw.send(b"POST /body HTTP/1.1\r\nHost: service\r\nContent-Length: 100\r\n\r\nhalf")


async def a_body_byte_by_byte(raw: Raw) -> None:
    await drip(raw, b"POST /body HTTP/1.1\r\nHost: service\r\nContent-Length: 1000000\r\n\r\n", b"x")


async def a_body_that_nobody_reads(raw: Raw) -> None:
    await drip(raw, b"POST /none HTTP/1.1\r\nHost: service\r\nContent-Length: 1000000\r\n\r\n", b"x")


async def a_second_head_that_never_ends(raw: Raw) -> None:
    await raw.send(GET % b"/who")
    await drip(raw, b"GET /who HTTP/1.1\r\n", b"X: y\r\n")


@pytest.mark.parametrize(
    "client",
    [
        nothing,
        half_a_head,
        headers_one_by_one,
        blank_lines,
        half_a_body,
        a_body_byte_by_byte,
        a_body_that_nobody_reads,
        a_second_head_that_never_ends,
    ],
)
async def test_half_a_request_is_not_waited_for(client: Client) -> None:
    async with served() as port, connected(port) as raw:
        await client(raw)
        assert await raw.ended()


@pytest.mark.parametrize("client", [half_a_head, half_a_body])
async def test_who_sent_half_is_told_so(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    async with served() as port, connected(port) as raw:
        await client(raw)
        told = await raw.take_all()
    assert not [line for line in caplog.records if line.levelname == "ERROR"]
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"send it faster" in told


async def test_an_answer_that_nobody_takes_ends() -> None:
    before = cut("answer")
    async with served() as port, connected(port, receive_buffer=4096) as raw:
        await raw.send(GET % b"/stream")
        while cut("answer") == before:  # noqa: ASYNC110 — nobody tells of it
            await asyncio.sleep(0.05)
        assert await raw.ended()


async def test_an_answer_that_is_taken_byte_by_byte_ends() -> None:
    async with served() as port, connected(port, receive_buffer=4096) as raw:
        await raw.send(GET % b"/stream")
        before = cut("answer")
        while cut("answer") == before:
            assert await raw.take(1)
            await asyncio.sleep(0.01)


async def test_an_answer_that_is_taken_without_end_ends() -> None:
    async with served(http_patience_seconds=60) as port, connected(port, receive_buffer=65_536) as raw:
        await raw.send(GET % b"/stream")
        before, began = cut("answer"), asyncio.get_running_loop().time()
        while cut("answer") == before:
            assert await raw.take(5000)
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began > WHOLE


async def test_a_client_that_waits_for_us_is_in_no_hurry() -> None:
    async with served() as port, connected(port) as raw:
        await raw.send(GET % b"/thinks")
        assert b"an answer" in await raw.take()
        await raw.send(GET % b"/who")
        assert b" 200 " in await raw.take()


async def test_a_large_body_comes_whole() -> None:
    async with served(http_patience_seconds=20, http_transfer_seconds=60) as port, connected(port) as raw:
        await raw.send(b"POST /body HTTP/1.1\r\nHost: service\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            await raw.send(b"x" * 100_000)
            await asyncio.sleep(0.1)
        assert b"3000000" in await raw.take()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /who HTTP/1.1\r\nX: " + b"x" * (16 * MOST_HEAD),
        b"GET /" + b"x" * (16 * MOST_HEAD) + b" HTTP/1.1\r\n\r\n",
        b"GET /who HTTP/1.1\r\n" + b"X: y\r\n" * MOST_HEAD + b"\r\n",
        b"POST /body HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * (16 * MOST_HEAD),
        b"POST /body HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * MOST_HEAD,
    ],
    ids=["header", "address", "headers", "extension of a chunk", "trailers"],
)
async def test_a_head_is_bounded(request_: bytes) -> None:
    before = cut("too large")
    async with served() as port, connected(port) as raw:
        with suppress(ConnectionError):  # it was refused before its end
            await raw.send(request_)
        await raw.ended()
    assert cut("too large") == before + 1


async def test_headers_of_no_length_count_as_well() -> None:
    """Else two clients with a hundred connections each make a process keep half a gigabyte."""
    few, many = (b"GET /who HTTP/1.1\r\n" + b"a:\r\n" * count + b"\r\n" for count in (1000, MOST_HEAD // 8))
    async with served() as port:
        for request_, status in ((few, b" 200 "), (many, b" 431 ")):
            async with connected(port) as raw:
                await raw.send(request_)
                assert status in await raw.take()


async def test_requests_behind_one_that_takes_long_are_bounded() -> None:
    async with served() as port, connected(port, receive_buffer=4096) as raw:
        await raw.send(GET % b"/stream" + GET % b"/who" * (2 * MOST_PIPELINED))
        assert await raw.ended()


async def test_one_client_does_not_have_all_connections_and_hears_of_health_still() -> None:
    async with served(http_client_connections=3, http_patience_seconds=60) as port, AsyncExitStack() as opened:
        for _ in range(3):
            await opened.enter_async_context(connected(port))
        over = await opened.enter_async_context(connected(port))
        await over.send(GET % b"/who")
        told = await over.take_all()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in told
        health = await opened.enter_async_context(connected(port))
        await health.send(GET % b"/health/live")
        assert b"alive" in await health.take()
        other = await opened.enter_async_context(connected(port, source=OTHER))
        await other.send(GET % b"/who")
        assert OTHER.encode() in await other.take()


async def test_a_place_is_free_again_when_a_connection_ends() -> None:
    async with served(http_client_connections=1, http_patience_seconds=60) as port:
        for _ in range(20):
            async with connected(port) as raw:
                await raw.send(b"GET /who HTTP/1.1\r\nConnection: close\r\n\r\n")
                assert b" 200 " in await raw.take_all()


def test_places_are_counted_in_all_and_by_client() -> None:
    bounds = Bounds(connections=4, of_one=2, proxies=ServiceSettings(trusted_proxies=["10.0.0.0/24"]).proxies)
    among = Connections(bounds)
    assert [among.came("10.1.0.1") for _ in range(3)] == [Place.EVERYTHING, Place.EVERYTHING, Place.HEALTH]
    among.went("10.1.0.1")
    assert [among.came("10.0.0.9") for _ in range(3)] == [Place.EVERYTHING, Place.EVERYTHING, Place.HEALTH]
    for _ in range(3):
        among.went("10.0.0.9")
    assert [among.came("10.1.0.1") for _ in range(11)][-3:] == [Place.HEALTH, Place.HEALTH, Place.NOTHING]


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("testclient", "testclient"),
    ],
)
def test_who_has_a_network_of_ipv6_is_one_client(host: str, client: str) -> None:
    assert client_of(host) == client


def test_a_pace_is_kept_by_bytes_and_not_by_signs_of_life() -> None:
    pace = Pace(patience=10, whole=100)
    assert not any(pace.is_overdue(second, second) for second in range(11))
    assert pace.is_overdue(11, 11)
    steady = Pace(patience=10, whole=100)
    assert not any(steady.is_overdue(1000 * second, second) for second in range(101))
    assert steady.is_overdue(101_000, 101)


async def test_a_client_chooses_no_address_of_its_own() -> None:
    forwarded = b"GET /who HTTP/1.1\r\nHost: s\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    async with served() as port, connected(port) as raw:
        await raw.send(forwarded)
        assert b"127.0.0.1" in await raw.take()
    async with served(trusted_proxies=[OTHER]) as port:
        for source, seen in ((OTHER, b"203.0.113.9"), ("127.0.0.3", b"127.0.0.3")):
            async with connected(port, source=source) as raw:
                await raw.send(forwarded)
                assert seen in await raw.take()


async def test_a_guesser_of_tokens_has_one_bucket_whatever_it_says_it_is() -> None:
    """Also on loopback, whose word was taken for a proxy's."""
    guess = b"GET /secret HTTP/1.1\r\nHost: s\r\nX-Forwarded-For: 203.0.113.%d\r\nAuthorization: Bearer no\r\n\r\n"
    async with served() as port, connected(port) as raw:
        told = []
        for number in range(20):
            await raw.send(guess % number)
            told.append((await raw.take()).split()[1])
    assert set(told[:2]) == {b"401"}
    assert told[-1] == b"429"


@pytest.mark.parametrize("proxy", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8"])
def test_everybody_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        ServiceSettings(trusted_proxies=[proxy])
