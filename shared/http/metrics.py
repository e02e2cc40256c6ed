"""Counts and times HTTP requests by route, never by path: an id in a label would make a series of its own.

Ours, for prometheus-fastapi-instrumentator matches routes a second time and takes any invented method as a label.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.metrics import HTTP_REQUESTS, HTTP_SECONDS

OPERATIONS = ("/health/", "/metrics")  # called every few seconds by machines: not counted
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOT_FOUND = "not found"
BROKEN = "500"


class HttpMetrics:
    """The outermost middleware, so that answers of error handlers count as they were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note its answer."""
        if scope["type"] != "http" or scope["path"].startswith(OPERATIONS):
            await self._app(scope, receive, send)
            return
        status, began = BROKEN, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", NOT_FOUND)
            HTTP_REQUESTS.labels(method, route, status).inc()
            HTTP_SECONDS.labels(method, route).observe(time.perf_counter() - began)
