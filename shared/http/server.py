"""The HTTP server: uvicorn, with bounded connections that end when a client sends or receives too slowly.

Ours, for uvicorn itself waits for ever for a head, a body, or for an answer to be received.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import termios
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.http.bounds import Bounds, Connections, Pace, Place, client_of
from shared.observability.metrics import HTTP_CONNECTIONS, HTTP_CUT
from shared.settings import ServiceSettings

ALWAYS_ANSWERED = (b"/health/", b"/metrics")
LOOK_SECONDS = 1.0
MOST_HEAD = 64 * 1024  # bytes of a request's head, and what the parser may keep of anything else
FIELD = 32  # bytes that each header counts beside its own, as in RFC 9113: an empty one is kept as well
MOST_PIPELINED = 8
SEND_BUFFER = 128 * 1024  # bytes that the kernel keeps of an answer: else some megabytes for each slow client
BUSY = "there are too many connections, in all or of yours: close some, or ask again in a moment"
TOO_LATE = "the request was too long on its way: send it faster, or in parts"
TOO_LARGE = "the head of the request is too large: send fewer or shorter headers"
UNREADABLE = "this is no HTTP request"


def config_of(app: ASGIApp, settings: ServiceSettings) -> uvicorn.Config:
    """How a service's application is served.

    What a proxy says of who calls is believed from trusted ones alone: from anybody else it would let a client choose
    whose rate counts.
    """
    bounds = Bounds(
        connections=settings.http_connections,
        of_one=settings.http_client_connections,
        patience=settings.http_patience_seconds,
        whole=settings.http_transfer_seconds,
        proxies=settings.proxies,
    )
    return uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=type("Bounded", (BoundedHttp,), {"bounds": bounds, "among": Connections(bounds)}),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=5,
    )


class Counted:
    """A transport that knows how much of what was written the client has taken."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self._written += len(data)
        self._transport.write(data)

    @property
    def waiting(self) -> int:
        """Bytes that the kernel does not take because the client does not."""
        return self._transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """Bytes that the client's machine has acknowledged."""
        return self._written - self.waiting - self._in_kernel()

    def _in_kernel(self) -> int:
        try:
            descriptor = self._transport.get_extra_info("socket").fileno()
            size: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0]
        except (OSError, AttributeError):  # closed by now, or a kernel that does not tell
            return 0
        return size


class BoundedHttp(HttpToolsProtocol):
    """One connection, within the bounds."""

    bounds = Bounds()
    among = Connections(bounds)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; beyond the bounds it is answered about health alone, and far beyond not at all."""
        self._counted = Counted(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", self._counted))
        _bound(transport, self.bounds)
        self._answer = Pace(self.bounds.patience, self.bounds.whole)
        self._body = Pace(self.bounds.patience, self.bounds.whole)
        self._head_due: float | None = self.loop.time()
        self._head_bytes = self._kept = self._received = 0
        self._who = client_of(self.client[0]) if self.client else ""
        self._place = self.among.came(self._who)
        HTTP_CONNECTIONS.inc()
        self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)
        if self._place is Place.NOTHING:
            HTTP_CUT.labels("too many").inc()
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        self._next_look.cancel()
        self.among.went(self._who)
        HTTP_CONNECTIONS.dec()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless it is more than a head may have."""
        if self.transport.is_closing():
            return
        self._received += len(data)
        self._kept += len(data)
        super().data_received(data)
        if self._kept > MOST_HEAD and not self.transport.is_closing():
            self._head_bytes = self._kept
            self.send_400_response(TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, or is too large to be."""
        if self._head_bytes > MOST_HEAD:
            HTTP_CUT.labels("too large").inc()
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_LARGE)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, UNREADABLE)

    def on_message_begin(self) -> None:
        """The parser has found the beginning of a request."""
        self._head_bytes = self._kept = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._add_to_head(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body."""
        self._add_to_head(name, value, more=FIELD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Choose who answers."""
        self._head_due, self._head_bytes, self._kept = None, 0, 0
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError("too many requests before the first is answered")
        served = self._place is Place.EVERYTHING or self.url.startswith(ALWAYS_ANSWERED)
        self.app = self.config.loaded_app if served else cast("Any", _busy)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._kept = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """From now on the next request is waited for."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._head_due = self.loop.time()

    def _add_to_head(self, *parts: bytes, more: int = 0) -> None:
        self._kept = 0
        self._head_bytes += sum(map(len, parts)) + more
        if self._head_bytes > MOST_HEAD:
            raise ValueError(TOO_LARGE)  # which the parser makes a request of that it cannot read

    def _look(self) -> None:
        """Check regularly whether the client is fast enough."""
        self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)
        now = self.loop.time()
        if self._answer_is_overdue(now):
            HTTP_CUT.labels("answer").inc()
            self.transport.abort()
        elif not self.transport.is_closing():
            self._look_at_request(now)

    def _answer_is_overdue(self, now: float) -> bool:
        if self._counted.waiting:
            return self._answer.is_overdue(self._counted.taken, now)
        if self.cycle is None or self.cycle.response_complete:
            self._answer.end()
        else:
            self._answer.rest(now)
        return False

    def _look_at_request(self, now: float) -> None:
        if self._head_due is not None:
            if self._counted.waiting:  # it is still taking the last answer
                self._head_due = now
            elif now - self._head_due > self.bounds.patience:
                self._end_late_head()
        elif not self.cycle.more_body or self.cycle.waiting_for_100_continue:
            self._body.end()
        elif self.flow.read_paused:
            self._body.rest(now)
        elif self._body.is_overdue(self._received, now):
            HTTP_CUT.labels("body").inc()
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, TOO_LATE)

    def _end_late_head(self) -> None:
        if self._head_bytes or self._kept:
            HTTP_CUT.labels("head").inc()
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, TOO_LATE)
        else:  # nothing was asked that could be answered
            HTTP_CUT.labels("idle").inc()
            self.transport.close()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer with the reason, unless an answer has begun, and close."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        body = json.dumps({"detail": text}).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in _headers(status, body).items()
        )
        self.transport.write(head.encode() + b"\r\n" + body)
        self.transport.close()


def _headers(status: HTTPStatus, body: bytes) -> dict[str, str]:
    again = {"retry-after": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return {"content-type": "application/json", "content-length": str(len(body)), "connection": "close", **again}


def _bound(transport: asyncio.BaseTransport, bounds: Bounds) -> None:
    """Limit what the kernel buffers of an answer, and how long it waits for a client that no longer reads."""
    with suppress(OSError, AttributeError):  # no TCP, or a kernel without these
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        milliseconds = int(3000 * bounds.patience)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers on connections beyond the bounds."""
    del scope, receive
    HTTP_CUT.labels("too many").inc()
    body = json.dumps({"detail": BUSY}).encode()
    headers = [
        (name.encode(), value.encode()) for name, value in _headers(HTTPStatus.SERVICE_UNAVAILABLE, body).items()
    ]
    await send({"type": "http.response.start", "status": HTTPStatus.SERVICE_UNAVAILABLE.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
