"""The load of bookings on a rival: HTTP connections that stay open, one for each client that is at work."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, cast

import httptools
import orjson

from benchmarks.bookings.load import Clients

Headers = Callable[[Mapping[str, Any]], Mapping[str, str]]


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, for one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""

    async def post(self, path: str, host: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and body of the answer; raises ConnectionError when the server hangs up."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._answer = asyncio.get_running_loop().create_future()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{lines}"
        self._transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the server hung up: {error}"))

    def on_body(self, body: bytes) -> None:
        """A part of the answer's body (called by the parser)."""
        self._body += body

    def on_message_complete(self) -> None:
        """The answer is whole (called by the parser)."""
        body, self._body = self._body, b""
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))


@dataclass(kw_only=True)
class HttpLoad(Clients):
    """POSTs requests to the ports in turn and reads the outcome from the answer."""

    ports: tuple[int, ...]
    path: str
    headers: Headers
    problem: str = ""
    _free: deque[tuple[int, Connection]] = field(default_factory=deque)
    _ports: Any = None

    async def book(self, number: int) -> float:
        request = self.request(number)
        began = time.perf_counter()
        port, connection = self._free.pop() if self._free else await self._connected()
        status, answer = await connection.post(
            self.path, f"127.0.0.1:{port}", self.headers(request), orjson.dumps(request)
        )
        took = time.perf_counter() - began
        if status != 200 or orjson.loads(answer)["state"] != "confirmed":
            self.refused += 1
            self.problem = f"{status} {answer[:300]!r}"
        self._free.append((port, connection))
        return took

    async def _connected(self) -> tuple[int, Connection]:
        self._ports = self._ports or cycle(self.ports)
        port = next(self._ports)
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        return port, connection
