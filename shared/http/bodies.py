"""Bounds the size of request bodies, and authenticates the caller before any of it is read.

Ours, for Starlette has no such limit and no kept library authenticates before it reads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1_000_000
WEBHOOKS = "/webhooks/"  # they bound what they read themselves, and authenticate the caller by it

Authenticate = Callable[[Request], Awaitable[object]]


async def _let_in(_: Request) -> None:
    """Accepts bodies without authentication."""


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes with a 413; `larger` has the paths that take more.

    A body with a Content-Length is refused at the first read, any other as soon as too much has come. A body that
    nobody reads is not refused: it stays with the sender. FastAPI reads a body before it runs its dependencies;
    `authenticate` runs before that, and raises an HTTPException for strangers.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int = MOST_BYTES,
        larger: Mapping[str, int] | None = None,
        authenticate: Authenticate = _let_in,
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._most = most
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading more of its body than it may have raises what is answered with a 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._most)
        length = Headers(scope=scope).get("content-length", "")
        came, is_known = 0, scope["path"].startswith(WEBHOOKS)

        async def reading() -> Message:
            nonlocal came, is_known
            if length.isdecimal() and int(length) > most:
                raise _too_large(most)
            if not is_known:
                await self._authenticate(Request(scope))
                is_known = True
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise _too_large(most)
            return message

        await self._app(scope, reading, send)


def _too_large(most: int) -> HTTPException:
    # FastAPI lets this one pass where it reads a body, and makes a 400 of any other.
    detail = f"the body has more than {most} bytes, the most that this address takes: send less, or in parts"
    return HTTPException(413, detail, {"Connection": "close"})
