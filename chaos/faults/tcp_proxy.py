"""TCP proxies in front of servers, whose connections can be torn, slowed down or muted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from deploy.local.processes.folders import LOOPBACK

PIECE: Final = 65_536
MUTE_BEFORE_TORN_S: Final = 0.05  # so that something is under way when connections are torn
ASK_S: Final = 10.0
Result = TypeVar("Result")


@dataclass
class TcpProxy:
    """One listening port and where it leads. `delay_s` is the most that a piece of data is late by."""

    target: int
    port: int = 0
    delay_s: float = 0.0
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; raises OSError where the port is taken."""
        self._passing.set()
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more and end what is connected."""
        if self._server:
            self._server.close()
        self._abort()

    async def tear(self) -> int:
        """End every connection at once, with whatever was under way on it; returns how many there were."""
        self._passing.clear()
        await asyncio.sleep(MUTE_BEFORE_TORN_S)
        torn = self._abort()
        self._passing.set()
        return torn

    async def mute(self, silent: bool) -> int:
        """Let nothing through, or speak again: what came meanwhile is lost with its connections; returns how many."""
        if silent:
            self._passing.clear()
            return len(self._pairs)
        return await self.tear()

    async def slow(self, delay_s: float, seed: int) -> int:
        """Be late from now on by up to so many seconds, by the seed, each piece and each way; 0 ends it."""
        self.delay_s, self.random = delay_s, Random(seed)  # noqa: S311
        return len(self._pairs)

    def _abort(self) -> int:
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()
        return len(self._pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            their_reader, their_writer = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, their_writer)
        self._pairs.add(pair)
        ways = [asyncio.create_task(self._pump(*way)) for way in ((reader, their_writer), (their_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pairs.discard(pair)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for one in pair:
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE):
            if self.delay_s:
                await asyncio.sleep(self.random.uniform(0, self.delay_s))
            await self._passing.wait()
            writer.write(data)
            await writer.drain()


class TcpProxies:
    """TcpProxies by name, in a thread of their own: whoever waits for a server elsewhere does not hold them up."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._proxies: dict[str, TcpProxy] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for proxy in self._proxies.values():
            self._ask(proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ASK_S)

    @property
    def names(self) -> list[str]:
        """The names of the proxies."""
        return list(self._proxies)

    def open(self, name: str, target: int, port: int = 0) -> int:
        """The port of the proxy of that name, which leads to the target's port; opened now where there is none."""
        if name not in self._proxies:
            proxy = TcpProxy(target, port)
            self._ask(proxy.open())
            self._proxies[name] = proxy
        return self._proxies[name].port

    def tear(self, name: str) -> int:
        """As `TcpProxy.tear`."""
        return self._ask(self._proxies[name].tear())

    def mute(self, name: str, *, silent: bool) -> int:
        """As `TcpProxy.mute`."""
        return self._ask(self._proxies[name].mute(silent))

    def slow(self, name: str, delay_s: float, seed: int) -> int:
        """As `TcpProxy.slow`."""
        return self._ask(self._proxies[name].slow(delay_s, seed))

    def _ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ASK_S)
