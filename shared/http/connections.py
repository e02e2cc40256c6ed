"""Gives HTTP requests database connections of their own; none may be held while a client is waited for."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database.pool import on_request

HELD = "a connection of the database is held while the client {}: end the block that holds it before"


class DatabaseOfRequests:
    """Middleware that makes a request, its guards included, use the connections of HTTP requests.

    A client may take minutes to receive an answer or to send a body. An endpoint that would hold a connection meanwhile
    fails at once, so that tests find it before a slow client does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = False
        with on_request() as use:

            async def sending(message: Message) -> None:
                nonlocal answering
                if use.held:
                    raise RuntimeError(HELD.format("is answered"))
                answering = True
                await send(message)

            async def receiving() -> Message:
                if use.held and not answering:  # then it is only watched whether the client is still there
                    raise RuntimeError(HELD.format("sends its body"))
                return await receive()

            await self._app(scope, receiving, sending)
