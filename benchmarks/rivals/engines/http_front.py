"""The front end of the rivals that have none of their own: POST a booking request, get its outcome, nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import orjson

from benchmarks.rivals.engines.hotel import Wish, wish_of

Book = Callable[[Wish], Awaitable[Any]]
_HEADERS = [(b"content-type", b"application/json")]


class HttpFront:
    """An ASGI application; `life` is entered when the server starts and gives what books a wish."""

    def __init__(self, life: Callable[[], AbstractAsyncContextManager[Book]]) -> None:
        self._life = life
        self._book: Book | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, or the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        status, answer = await self._answer(body)
        await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})

    async def _answer(self, body: bytes) -> tuple[int, Any]:
        if self._book is None or not body:
            return (503, {"state": "starting"}) if self._book is None else (200, {"state": "ready"})
        return 200, await self._book(wish_of(orjson.loads(body)))

    async def _live(self, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            self._book = await stack.enter_async_context(self._life())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
