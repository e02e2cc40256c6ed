"""Raw HTTP over a socket: clients that send and take as slowly as they like."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from deploy.local.processes.folders import LOOPBACK

GET = b"GET %s HTTP/1.1\r\nHost: service\r\n\r\n"


@dataclass
class Raw:
    """One connection of a client that reads and writes nothing by itself."""

    connection: socket.socket

    async def send(self, data: bytes) -> None:
        """Send as fast as the server takes it."""
        await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def take(self, most: int = 65_536) -> bytes:
        """Some of what has come, empty at the end."""
        with suppress(ConnectionResetError, BrokenPipeError):
            return await asyncio.get_running_loop().sock_recv(self.connection, most)
        return b""

    async def take_all(self) -> bytes:
        """Everything until the server ends the connection."""
        taken = b""
        while some := await self.take():
            taken += some
        return taken

    async def ended(self) -> bool:
        """Wait until the server has ended the connection, without taking more than is there."""
        await self.take_all()
        return True


@asynccontextmanager
async def connected(port: int, *, source: str = LOOPBACK, receive_buffer: int | None = None) -> AsyncIterator[Raw]:
    """A connection from an address of this machine; a small `receive_buffer` makes a slow reader felt at once."""
    with socket.socket() as connection:
        connection.setblocking(False)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(connection, (LOOPBACK, port))
        yield Raw(connection)
