"""Bounds what a request may send, and asks who sends it before any of it is read: no stranger fills the memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1_000_000
WEBHOOKS = "/webhooks/"  # which bound what they read, and prove by it who calls

Ask = Callable[[Request], Awaitable[object]]


async def _nobody(_: Request) -> None:
    """Takes bodies from everybody."""


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes with a 413; `larger` has the paths that take more.

    It refuses at the first read what tells its length, and else as soon as too much has come. What nobody reads needs
    no refusal: it stays with the sender. FastAPI reads a body before it asks its dependencies who calls; `ask` is asked
    before that, and raises an HTTPException for strangers.
    """

    def __init__(
        self, app: ASGIApp, most: int = MOST_BYTES, larger: Mapping[str, int] | None = None, ask: Ask = _nobody
    ) -> None:
        self._app = app
        self._ask = ask
        self._most = most
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading more of its body than it may have raises what is answered with a 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._most)
        told = Headers(scope=scope).get("content-length", "")
        came, asked = 0, scope["path"].startswith(WEBHOOKS)

        async def reading() -> Message:
            nonlocal came, asked
            if told.isdecimal() and int(told) > most:
                raise _too_large(most)
            if not asked:
                await self._ask(Request(scope))
                asked = True
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
