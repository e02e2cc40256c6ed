"""A connection to PostgreSQL that counts what a client sends, by the messages of PostgreSQL's own protocol."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Final

from tests.support.servers.tcp_proxy import Line

LENGTH: Final = struct.Struct("!I")
TLS_WISH: Final = 80877103  # the code of a first message that only asks for TLS
STATEMENTS: Final = b"QE"  # Query and Execute
ROUND_TRIPS: Final = b"QS"  # Query and Sync: the client waits for the answer


@dataclass
class Counts:
    """What all connections sent since the start."""

    connections: int = 0
    statements: int = 0
    round_trips: int = 0


class CountedLine(Line):
    """A line that counts. A statement that a connection has not prepared yet takes one round trip more."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.counts = Counts()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._forward(_CountingReader(reader, self.counts), writer)


class _CountingReader(asyncio.StreamReader):
    """Reads what one client sends and counts the messages in it."""

    def __init__(self, reader: asyncio.StreamReader, counts: Counts) -> None:
        super().__init__()
        self._reader = reader
        self._counts = counts
        self._unread = b""
        self._started = False

    async def read(self, n: int = -1) -> bytes:
        data = await self._reader.read(n)
        self._unread += data
        while self._take_message():
            pass
        return data

    def _take_message(self) -> bool:
        """Count the next message; False when not all of it is there yet. The first ones have no type."""
        typed = 1 if self._started else 0
        if len(self._unread) < typed + LENGTH.size:
            return False
        (length,) = LENGTH.unpack_from(self._unread, typed)
        if len(self._unread) < typed + length:
            return False
        message, self._unread = self._unread[: typed + length], self._unread[typed + length :]
        if self._started:
            self._counts.statements += message[:1] in STATEMENTS
            self._counts.round_trips += message[:1] in ROUND_TRIPS
        elif LENGTH.unpack_from(message, LENGTH.size)[0] != TLS_WISH:
            self._started = True
            self._counts.connections += 1
        return True
