"""Stand-ins for providers: one that is told what to answer, and servers that speak the real protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller

from services.notifications.delivery.model import Delivery
from services.notifications.providers.port import Receipt
from shared.errors import CallFailed
from tests.support.builders.notifications import NOW

Answer = Receipt | Exception | Callable[[Delivery], Awaitable[Receipt]]
TAKEN = Receipt("id-1", "accepted")
PASSING = CallFailed("HTTP 503", final=False)
FINAL = CallFailed("HTTP 400", final=True)


class MovableClock:
    """A clock that tests set forward."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class ScriptedSender:
    """Answers as it was told, one answer for each message, the last one for all that follow."""

    name = "scripted"

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers or [TAKEN])
        self.sent: list[Delivery] = []
        self.closed = False

    async def send(self, delivery: Delivery) -> Receipt:
        self.sent.append(delivery)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Receipt) else await answer(delivery)

    async def close(self) -> None:
        self.closed = True


@dataclass
class WatiDouble:
    """An HTTP server that answers like WATI and keeps what it was asked."""

    url: str = ""
    status: int = 200
    body: Any = field(default_factory=lambda: {"result": True, "message": {"whatsappMessageId": "wamid.1"}})
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode() if not reader.at_eof() else "":
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = first.split(" ")
            address = urlsplit(target)
            self.requests.append(
                {"method": method, "path": address.path, "query": parse_qs(address.query), "headers": headers}
            )
            body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
            writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()


@asynccontextmanager
async def wati_double() -> AsyncIterator[WatiDouble]:
    double = WatiDouble()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await double._serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tenant-7"
    yield double
    server.close()


@dataclass
class Mailbox:
    """What an SMTP server took, and how it answers."""

    port: int = 0
    answer_to_rcpt: str = "250 OK"
    answer_to_data: str = "250 queued as 42"
    envelopes: list[Any] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.answer_to_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer_to_data.startswith("250"):
            self.envelopes.append(envelope)
            self.sessions.add(id(session))
        return self.answer_to_data


@contextmanager
def smtp_double(unused_port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox(unused_port)
    controller = Controller(mailbox, hostname="127.0.0.1", port=unused_port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
