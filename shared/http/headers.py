"""Security headers for browsers.

Ours, for `secure` replaces what an endpoint has set itself and has no policy by path.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
STRICT = "default-src 'none'; frame-ancestors 'none'"
DOCS = ("/docs", "/redoc")  # pages with scripts from other hosts


class SecurityHeaders:
    """Middleware that adds them to every answer; what an endpoint has set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = ALWAYS if scope["path"].startswith(DOCS) else ALWAYS | {"content-security-policy": STRICT}

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, adding)
