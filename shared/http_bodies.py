"""Bounds what a request may send: bodies are read before anybody is asked for a token, so none may fill the memory."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1_000_000


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes with a 413; `larger` has the paths that take more.

    It refuses at the first read what tells its length, and else as soon as too much has come. What nobody reads needs
    no refusal: it stays with the sender.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._most = most
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading more of its body than it may have raises what is answered with a 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._most)
        told = Headers(scope=scope).get("content-length", "")
        came = 0

        async def reading() -> Message:
            nonlocal came
            if told.isdecimal() and int(told) > most:
                raise _too_large(most)
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
