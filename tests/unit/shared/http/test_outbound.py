"""Calls to outside systems over real sockets: where they go, where they must not, and how much of an answer is read."""

from __future__ import annotations

import ast
import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiohttp.resolver import ThreadedResolver

from shared.outbound import client as outbound
from shared.outbound.client import AnswerRefused, DestinationForbidden, client
from shared.outbound.destinations import PUBLIC, Allowed
from tests.support.doubles.loopback import LOOPBACK
from tests.support.paths import ROOT

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server of raw bytes that counts its visitors."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            await self.answer(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    served = Server(answer)
    async with await asyncio.start_server(served, "127.0.0.1", 0) as listening:
        served.port = listening.sockets[0].getsockname()[1]
        yield served


def saying(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers])
        writer.write(f"{head}\r\n\r\n".encode() + body)

    return answer


def names_are(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names lead to these addresses, one answer after the other; returns the names asked for."""
    asked: list[str] = []

    async def resolve(_: Any, host: str, port: int = 0, family: Any = 0) -> list[Any]:
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        common = {"hostname": host, "port": port, "proto": 0, "flags": 0}
        return [common | {"host": one, "family": socket.AF_INET6 if ":" in one else socket.AF_INET} for one in found]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    return asked


async def test_an_address_that_is_allowed_is_called() -> None:
    async with serving(saying(b'{"a": 1}')) as server, client(server.url(), seconds=5, allowed=LOOPBACK) as http:
        assert (await http.get("x")).json() == {"a": 1}
        assert b"accept-encoding: identity" in server.asked[0].lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])  # noqa: S104
async def test_this_machine_is_not_called(host: str) -> None:
    async with serving(saying(b"secret")) as server, client(seconds=5, allowed=PUBLIC) as http:
        with pytest.raises(DestinationForbidden, match="POSADA_OUTBOUND_ALLOWED"):
            await http.get(server.url(host))
        assert server.asked == []


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["169.254.169.254"], ["10.1.1.1"]])
async def test_a_name_is_not_called_where_any_of_its_addresses_is_not(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    names_are(monkeypatch, found)
    async with serving(saying(b"secret")) as server, client(seconds=5, allowed=PUBLIC) as http:
        with pytest.raises(DestinationForbidden, match=r"pms\.example is .*: give a public address"):
            await http.get(server.url("pms.example"))
        assert server.asked == []


async def test_one_address_that_may_not_be_called_spoils_a_name_whose_others_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names_are(monkeypatch, ["127.0.0.1", "10.1.1.1"])
    async with serving(saying(b"ok")) as server, client(seconds=5, allowed=LOOPBACK) as http:
        with pytest.raises(DestinationForbidden, match=r"10\.1\.1\.1"):
            await http.get(server.url("pms.example"))
        assert server.asked == []


async def test_a_name_that_the_operator_names_may_be_on_its_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    names_are(monkeypatch, ["127.0.0.1"])
    async with serving(saying(b"ok")) as server, client(seconds=5, allowed=Allowed.of(["pms.lan"])) as http:
        assert (await http.get(server.url("pms.lan"))).text == "ok"
        with pytest.raises(DestinationForbidden):
            await http.get(server.url("other.lan"))


async def test_what_is_connected_to_is_what_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public for the look and this machine for the connection: it is resolved once, and that is used."""
    asked = names_are(monkeypatch, ["192.0.2.1"], ["127.0.0.1"])
    test_net = Allowed.of(["192.0.2.0/24"])
    async with serving(saying(b"secret")) as server, client(seconds=0.3, allowed=test_net) as http:
        with pytest.raises(httpx.HTTPError):
            await http.get(server.url("rebinding.example"))
        assert (asked, server.asked) == (["rebinding.example"], [])


async def test_a_socket_is_made_for_no_other_address_wherever_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last look: the resolver's own is switched off."""

    async def resolve(self: Any, host: str, port: int = 0, family: Any = 0) -> Any:
        return await self._system.resolve(host, port, family)

    names_are(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr(outbound._Resolver, "resolve", resolve)
    async with serving(saying(b"secret")) as server, client(seconds=5, allowed=PUBLIC) as http:
        with pytest.raises(DestinationForbidden):
            await http.get(server.url("pms.example"))
        assert server.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest",
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "file:///etc/passwd",
        "http://0x7f.1:{port}/",
        "http://ana:b@pms.lan:{port}/",
    ],
)
async def test_a_redirection_is_judged_again(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        where = target.format(port=server.port)
        await saying(b"", f"Location: {where}", "Content-Length: 0", status="302 Found")(writer)

    names_are(monkeypatch, ["127.0.0.1"])
    named = Allowed.of(["pms.lan"])
    async with serving(answer) as server, client(seconds=5, allowed=named, follow_redirects=True) as http:
        with pytest.raises((DestinationForbidden, httpx.UnsupportedProtocol)):
            await http.get(server.url("pms.lan"))
        assert len(server.asked) == 1


async def test_redirections_are_not_followed_unless_asked() -> None:
    answer = saying(b"", "Location: https://elsewhere.example/", "Content-Length: 0", status="302 Found")
    async with serving(answer) as server, client(seconds=5, allowed=LOOPBACK) as http:
        assert (await http.get(server.url())).status_code == 302


def endless(part: bytes, *headers: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        await saying(b"", *headers)(writer)
        while True:
            writer.write(part)
            await writer.drain()

    return answer


def packed(bytes_: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b"\0" * 1_000_000) for _ in range(bytes_ // 1_000_000)), packer.flush()])


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"x" * 65_536),
        endless(b"x" * 65_536, "Content-Length: 1000000000000"),
        saying(b"", "Content-Length: 100001"),
        saying(packed(50_000_000), "Content-Encoding: gzip"),
        saying(zlib.compress(b"\0" * 1_000_000), "Content-Encoding: deflate"),
        saying(b"x", "Content-Encoding: br"),
        saying(b"x", "Content-Encoding: zstd"),
        saying(b"x", "Content-Encoding: gzip, gzip"),
        saying(b"no gzip", "Content-Encoding: gzip"),
    ],
)
async def test_an_answer_that_is_too_large_or_oddly_packed_is_not_read_on(answer: Answer) -> None:
    async with serving(answer) as server, client(seconds=5, allowed=LOOPBACK, most_bytes=100_000) as http:
        with pytest.raises(AnswerRefused):
            await http.get(server.url())


async def test_an_answer_that_is_packed_without_being_asked_for_is_unpacked() -> None:
    answer = saying(gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip")
    async with serving(answer) as server, client(seconds=5, allowed=LOOPBACK, most_bytes=8) as http:
        assert (await http.get(server.url())).json() == {"a": 1}


def dripping(*headers: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        await saying(b"", *headers)(writer)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return answer


async def a_drop_of_a_head_at_a_time(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(f"X-{number}: 1\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [dripping(), dripping("Content-Length: 100000"), a_drop_of_a_head_at_a_time])
async def test_an_answer_that_drips_ends_with_its_time(answer: Answer) -> None:
    """Each wait is short, so that only the bound of the whole call ends it."""
    async with serving(answer) as server, client(seconds=0.4, allowed=LOOPBACK) as http:
        with pytest.raises(httpx.ReadTimeout):
            async with asyncio.timeout(20):
                await http.get(server.url())


@pytest.mark.parametrize(
    "rubbish", [b"no http\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99_999]
)
async def test_what_is_no_http_is_an_error_that_adapters_know(rubbish: bytes) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(rubbish)

    async with serving(answer) as server, client(seconds=5, allowed=LOOPBACK) as http:
        with pytest.raises(httpx.HTTPError):
            await http.get(server.url())


async def test_the_environment_s_proxy_is_used_and_forbidden_addresses_are_not_told_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(saying(b"through")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        monkeypatch.setenv("no_proxy", "direct.example")
        async with client(seconds=5, allowed=PUBLIC) as http:
            assert (await http.get("http://no-such-name.invalid/x")).text == "through"
            assert proxy.asked[0].startswith(b"GET http://no-such-name.invalid/x")
            for url in ("http://169.254.169.254/", "http://localhost/", "http://10.0.0.1/"):
                with pytest.raises(DestinationForbidden):
                    await http.get(url)
            assert len(proxy.asked) == 1
        async with client(seconds=1, allowed=PUBLIC, by_proxy=False) as http:
            with pytest.raises(httpx.HTTPError):
                await http.get("http://no-such-name.invalid/x")


CLIENTS = {
    "httpx": {
        "AsyncClient",
        "Client",
        "HTTPTransport",
        "AsyncHTTPTransport",
        "get",
        "post",
        "put",
        "request",
        "stream",
    },
    "aiohttp": {"ClientSession", "TCPConnector", "request"},
    "urllib": {"urlopen", "build_opener"},
    "request": {"urlopen", "build_opener"},
    "httpx_aiohttp": {"HttpxAiohttpClient"},
    "http": {"client"},
}


def calls(tree: ast.AST) -> Iterator[str]:
    """What would speak HTTP past the guard, by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base = ast.unparse(node.func.value).rpartition(".")[2]
            if node.func.attr in CLIENTS.get(base, ()):
                yield f"{base}.{node.func.attr}"
        if isinstance(node, ast.ImportFrom) and node.module:
            found = CLIENTS.get(node.module.rpartition(".")[2], set())
            yield from (f"{node.module}.{one.name}" for one in node.names if one.name in found)


def test_services_speak_to_outside_systems_by_the_guard_alone() -> None:
    for folder in ("services", "shared"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            found = set(calls(ast.parse(file.read_text(encoding="utf-8"))))
            if file == ROOT / "shared/outbound/client.py":
                assert found, "the search finds nothing"
            else:
                assert not found, f"{file}: {', '.join(found)}: take shared.outbound.client.client"
