"""What every service's HTTP API has: health, metrics, authentication, and errors that name the remedy."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Annotated

import asyncpg
import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import ClientDisconnect

from shared.auth.access import ANONYMOUS, NO_TOKEN, RateLimit, known
from shared.auth.tokens import Caller, Role
from shared.database.pool import UNAVAILABLE, Busy
from shared.errors import Refusal, described
from shared.http.bounds import client_of
from shared.safety.loopback import is_loopback
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)

MOST_PROBLEMS, LONGEST_PROBLEM = 100, 500  # problems of a request that are listed, and characters of each

_bearer = HTTPBearer(auto_error=False, description="The service's API token.")


def health_router(trouble: Callable[[], str | None]) -> APIRouter:
    """Liveness, readiness and metrics; `trouble` says why the instance is not ready.

    They need no token: none of them waits for anything, and metrics are rendered once a second at most.
    """
    router = APIRouter(tags=["operations"])
    rendered = _RenderedMetrics()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @router.get("/health/ready", responses={503: {"description": "Not ready, with the reason."}})
    async def ready() -> Response:
        """The instance has partitions and makes progress."""
        reason = trouble()
        if reason:
            return JSONResponse({"status": "not ready", "reason": reason}, status.HTTP_503_SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(rendered.at(time.monotonic()), media_type=CONTENT_TYPE_LATEST)

    return router


class _RenderedMetrics:
    """Prometheus' text, rendered once a second at most."""

    def __init__(self) -> None:
        self._text = b""
        self._until = float("-inf")

    def at(self, now: float) -> bytes:
        if now >= self._until:
            self._text, self._until = generate_latest(), now + 1
        return self._text


def refuse_unauthenticated(settings: ServiceSettings) -> None:
    """An API without a token serves this machine alone.

    Raises:
        ValueError: when other machines could reach it.
    """
    if not settings.asks_for_token and not is_loopback(settings.http_host):
        raise ValueError(
            f"POSADA_HTTP_HOST={settings.http_host} lets other machines in and no token is asked for: set"
            " POSADA_API_TOKEN or POSADA_API_KEYS, or leave POSADA_HTTP_HOST at 127.0.0.1"
        )


def authenticated(settings: ServiceSettings) -> Callable[..., Awaitable[Caller]]:
    """A dependency that authenticates the caller, by the shared token or one signed with our keys, and limits the rate.

    It sets `request.state.caller`; a second call for the same request counts once.
    """
    limit = RateLimit(settings.http_rate)

    async def check(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        let_in: Caller | None = getattr(request.state, "caller", None)
        if let_in is not None:
            return let_in
        address = client_of(request.client.host) if request.client else "nowhere"
        try:
            caller = known(settings.api_token, settings.api_keys, given.credentials if given else None)
        except HTTPException:
            limit.take(f"address {address}", time.monotonic())
            raise
        if caller is ANONYMOUS:
            _refuse_other_names(request)
        limit.take(f"address {address}" if caller is ANONYMOUS else f"caller {caller.subject}", time.monotonic())
        request.state.caller = caller
        return caller

    return check


def _refuse_other_names(request: Request) -> None:
    """An API without a token answers under names of this machine alone, against DNS rebinding.

    A page from elsewhere can let its own name resolve to this machine, and a browser here would let it read the
    answers. That cannot be done with an address, localhost or a name without a dot.
    """
    if not all(map(_is_here, request.headers.getlist("host"))):
        detail = (
            "no token is asked for, so this is for its own machine: call it by its address, or set POSADA_API_TOKEN"
        )
        raise HTTPException(status.HTTP_403_FORBIDDEN, detail)


def _is_here(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    name = (name if colon and port.isdecimal() else host).strip("[]").lower()
    try:
        return "." not in name or name.endswith(".localhost") or bool(ip_address(name))
    except ValueError:
        return False


def before_body(check: Callable[..., Awaitable[Caller]]) -> Callable[[Request], Awaitable[Caller]]:
    """The dependency of `authenticated` for use outside of FastAPI's dependencies: before a body is read."""

    async def authenticate(request: Request) -> Caller:
        return await check(request, await _bearer(request))

    return authenticate


def require_role(settings: ServiceSettings, role: Role = Role.DESK) -> Callable[[Request], None]:
    """A dependency of endpoints that change something, after `authenticated`: for callers of this role and above.

    Without a token in the settings nobody may, not even on loopback.
    """

    def check(request: Request) -> None:
        if not settings.asks_for_token:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN,
                "nobody may write without a token: set POSADA_API_TOKEN or POSADA_API_KEYS for the service",
            )
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        if not caller.role.includes(role):
            detail = f"the role {caller.role} may not do this: ask for a token with the role {role}"
            raise HTTPException(status.HTTP_403_FORBIDDEN, detail)

    return check


def may_write(settings: ServiceSettings, caller: Caller, role: Role = Role.DESK) -> bool:
    """Whether `require_role` would let the caller in: for fields that only they see."""
    return settings.asks_for_token and caller.role.includes(role)


def answer_faults(app: FastAPI) -> None:
    """Give each kind of error in an endpoint, or before it, an answer that says what to do."""
    for answer in (answer_outages, answer_refusals, answer_unreadable, let_clients_leave):
        answer(app)


def answer_outages(app: FastAPI) -> None:
    """Answer 503 while the database cannot be reached or its tables are locked, so that nobody takes it for empty."""

    async def answer_away(request: Request, outage: Exception) -> JSONResponse:
        route = getattr(request.scope.get("route"), "path", "")  # never the address: an id in it may be a person's
        log.warning("http.database_away", route=route, outage=described(outage))
        what = "has no connection free for this" if isinstance(outage, Busy) else "cannot be reached"
        detail = f"the database {what}; ask again in a moment"
        return JSONResponse({"detail": detail}, status.HTTP_503_SERVICE_UNAVAILABLE, {"Retry-After": "5"})

    async def answer_locked(_: Request, __: Exception) -> JSONResponse:
        detail = "others are writing what this would change, and nothing was done; ask again in a moment"
        return JSONResponse({"detail": detail}, status.HTTP_503_SERVICE_UNAVAILABLE, {"Retry-After": "5"})

    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, answer_away)
    app.add_exception_handler(asyncpg.LockNotAvailableError, answer_locked)


def answer_unreadable(app: FastAPI) -> None:
    """Say of each field what is wrong with it, and never its value: that may be long, or no JSON at all."""

    @app.exception_handler(RequestValidationError)
    async def list_problems(_: Request, wrong: RequestValidationError) -> JSONResponse:
        problems = [
            {"type": error["type"], "loc": [_shown(part) for part in error["loc"]], "msg": _shown(error["msg"])}
            for error in wrong.errors()[:MOST_PROBLEMS]
        ]
        return JSONResponse({"detail": problems}, status.HTTP_422_UNPROCESSABLE_CONTENT)

    @app.exception_handler(asyncpg.DataError)
    async def refuse(request: Request, wrong: asyncpg.DataError) -> JSONResponse:
        route = getattr(request.scope.get("route"), "path", "")
        log.warning("http.value_refused", route=route, kind=type(wrong).__name__)
        detail = "a value can be neither kept nor looked for: take NULs out of it, and numbers that are too large"
        return JSONResponse({"detail": detail}, status.HTTP_422_UNPROCESSABLE_CONTENT)


def _shown(part: object) -> str | int:
    """A part of a problem, short and in valid characters."""
    if isinstance(part, int):
        return part
    return str(part)[:LONGEST_PROBLEM].encode(errors="replace").decode()


def let_clients_leave(app: FastAPI) -> None:
    """Log nothing for a client that disconnects while it sends its body: that is no fault of ours."""

    @app.exception_handler(ClientDisconnect)
    async def answer_gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=status.HTTP_400_BAD_REQUEST)


def answer_refusals(app: FastAPI) -> None:
    """Turn a refusal raised in an endpoint into a 422 with its reason."""

    @app.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> JSONResponse:
        body = {"reason": refusal.code, "text": refusal.text, "details": refusal.details}
        return JSONResponse({"error": body}, status.HTTP_422_UNPROCESSABLE_CONTENT)
