"""Calls outside systems over HTTP: only addresses that may be called, and answers bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ssl import SSLContext
from typing import Any, Final, NotRequired, TypedDict
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from httpx_aiohttp import AiohttpTransport

from shared.outbound.destinations import Allowed, Forbidden

MOST_BYTES: Final = 10_000_000  # of an answer, unpacked
WHOLE: Final = 1.5  # a call may take so many times as long as one wait
CONNECTIONS: Final = 20
_PACKED: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's window bits

# Whom the running call is for: a connection is made in the task, or a child of it, that asked.
_calling: ContextVar[str] = ContextVar("_calling", default="")


class DestinationForbidden(httpx.ConnectError):
    """Nothing was sent: the address may not be called. The text says why, and what to do."""


class AnswerRefused(httpx.RemoteProtocolError):
    """An answer that is too large, or packed as nobody asked."""


class ClientLimits(TypedDict):
    """How a client is bounded: `seconds` each wait, `allowed` the addresses it may call, `connections` at once."""

    seconds: float
    allowed: Allowed
    connections: NotRequired[int]


def client(
    base_url: str = "",
    *,
    seconds: float,
    allowed: Allowed,
    connections: int = CONNECTIONS,
    most_bytes: int = MOST_BYTES,
    by_proxy: bool = True,
    **given: Any,
) -> httpx.AsyncClient:
    """A client of outside systems. `seconds` bounds each wait, `WHOLE` times as much a whole call.

    Its calls raise httpx.HTTPError alone. `by_proxy`: whether the environment's proxy is used, where it names one;
    then the proxy is connected to, and names that only it can resolve are its own to judge.
    """
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = Guarded(allowed, limits, most_bytes=most_bytes, seconds=seconds * WHOLE, by_proxy=by_proxy)
    if base_url:
        given["base_url"] = base_url.rstrip("/") + "/"
    return httpx.AsyncClient(transport=transport, timeout=seconds, **given)


def json_in(answer: httpx.Response) -> Any:
    """The JSON of an answer; raises ValueError when it is none, or nested deeper than anything that we ask for."""
    try:
        return answer.json()
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None


class Guarded(httpx.AsyncBaseTransport):
    """Judges every call, each hop of a redirection as well, and connects to nothing but an address that was judged.

    Its transport is aiohttp, whose parser is in C: httpx's own costs more than all the rest of a call.
    """

    def __init__(
        self, allowed: Allowed, limits: httpx.Limits, *, most_bytes: int, seconds: float, by_proxy: bool
    ) -> None:
        self._allowed = allowed
        self._limits = limits
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._proxies = getproxies() if by_proxy else {}
        self._direct = AiohttpTransport(verify=_certificates(), limits=limits, client=self._session)
        self._through: dict[str, AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it and wait for the head of its answer; the body is bounded as it is read."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        with _as_http_errors():
            host = self._allowed.check_url(str(request.url))
            request.headers["Accept-Encoding"] = "identity"  # a packed answer has no size that can be known before
            marked = _calling.set(host)
            try:
                async with asyncio.timeout_at(deadline):
                    transport = await self._transport_for(request.url, host)
                    answer = await transport.handle_async_request(request)
            finally:
                _calling.reset(marked)
        return await self._bounded(answer, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in (self._direct, *self._through.values()):
            await transport.aclose()

    async def _bounded(self, answer: httpx.Response, deadline: float) -> httpx.Response:
        headers = httpx.Headers(answer.headers)
        try:
            unpack = _unpacking(headers, self._most_bytes)
        except AnswerRefused:
            await answer.aclose()
            raise
        stream = _Body(answer.stream, deadline, unpack)
        return httpx.Response(answer.status_code, headers=headers, stream=stream, extensions=answer.extensions)

    async def _transport_for(self, url: httpx.URL, host: str) -> AiohttpTransport:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if not proxy or proxy_bypass(host):
            return self._direct
        await self._judge_before_proxy(host)
        if proxy not in self._through:
            address = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
            self._through[proxy] = AiohttpTransport(verify=_certificates(), limits=self._limits, proxy=address)
        return self._through[proxy]

    async def _judge_before_proxy(self, host: str) -> None:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return  # a name of the proxy's world
        for one in found:
            self._allowed.check_address(str(one[4][0]), host)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._allowed),
            socket_factory=self._socket,
            ssl=_certificates(),
            limit=self._limits.max_connections or 0,
            keepalive_timeout=self._limits.keepalive_expiry,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    def _socket(self, info: Any) -> socket.socket:
        """The last look before each connection, wherever its address came from."""
        family, kind, protocol, _, address = info
        self._allowed.check_address(address[0], _calling.get())
        return socket.socket(family, kind, protocol)


class _Resolver(AbstractResolver):
    """The system's, that knows no name of which even one address may not be called."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        for one in found:
            self._allowed.check_address(one["host"], host)
        return found

    async def close(self) -> None:
        await self._system.close()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as far as there is time and room for it."""

    def __init__(self, stream: Any, deadline: float, unpack: _Plain | _Unpacked) -> None:
        self._stream = stream
        self._deadline = deadline
        self._unpack = unpack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        while True:
            with _as_http_errors():
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield self._unpack(chunk)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Plain:
    """Bytes that are counted."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def __call__(self, chunk: bytes) -> bytes:
        self._left -= len(chunk)
        if self._left < 0:
            raise AnswerRefused(f"the answer has more than {self._most} bytes")
        return chunk


class _Unpacked(_Plain):
    """Bytes that are unpacked no further than there is room for them."""

    def __init__(self, most: int, window: int) -> None:
        super().__init__(most)
        self._packed = zlib.decompressobj(window)

    def __call__(self, chunk: bytes) -> bytes:
        try:
            return super().__call__(self._packed.decompress(chunk, self._left + 1))
        except zlib.error as wrong:
            raise AnswerRefused("the answer cannot be unpacked") from wrong


def _unpacking(headers: httpx.Headers, most: int) -> _Plain | _Unpacked:
    """What bounds a body by its headers, out of which it takes what is no longer so."""
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise AnswerRefused(f"the answer has more than {most} bytes")
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed in {"", "identity"}:
        return _Plain(most)
    if packed not in _PACKED:
        raise AnswerRefused("the answer is packed, which was not asked for")
    del headers["content-encoding"]
    headers.pop("content-length", None)
    return _Unpacked(most, _PACKED[packed])


@contextmanager
def _as_http_errors() -> Iterator[None]:
    """Whatever goes wrong on the way is an httpx.HTTPError."""
    try:
        yield
    except Forbidden as wrong:
        raise DestinationForbidden(str(wrong)) from wrong
    except TimeoutError as late:
        raise httpx.ReadTimeout("the whole call took too long") from late
    except httpx.HTTPError as wrong:
        if forbidden := _forbidden_in(wrong):
            raise DestinationForbidden(str(forbidden)) from wrong
        raise
    except (aiohttp.ClientError, ValueError, OSError) as wrong:  # what the transport has no name for
        raise httpx.RemoteProtocolError(type(wrong).__name__) from wrong


def _forbidden_in(wrong: BaseException) -> Forbidden | None:
    seen: BaseException | None = wrong
    for _ in range(10):
        if seen is None or isinstance(seen, Forbidden):
            return seen
        seen = getattr(seen, "os_error", None) or seen.__cause__ or seen.__context__
    return None


@cache
def _certificates() -> SSLContext:
    """Whom TLS trusts, by SSL_CERT_FILE where it is set; read once, for it takes a while."""
    return httpx.create_ssl_context()
