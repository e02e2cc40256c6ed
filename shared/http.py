"""What every service's HTTP API has: health, metrics, a token where one is set, and errors that name the remedy."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.database import UNAVAILABLE
from shared.errors import Refusal, described
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)

_bearer = HTTPBearer(auto_error=False, description="The service's API token.")


def health_router(trouble: Callable[[], str | None]) -> APIRouter:
    """Liveness, readiness and metrics; `trouble` says why the instance is not ready."""
    router = APIRouter(tags=["operations"])

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
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def refuse_open_door(settings: ServiceSettings) -> None:
    """An API that asks for no token is for this machine alone.

    Raises:
        ValueError: when other machines could reach it.
    """
    if settings.api_token is None and not _is_loopback(settings.http_host):
        raise ValueError(
            f"POSADA_HTTP_HOST={settings.http_host} lets other machines in and no token is asked for: set"
            " POSADA_API_TOKEN, or leave POSADA_HTTP_HOST at 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def authenticated(settings: ServiceSettings) -> Callable[..., None]:
    """A dependency that lets in who shows the service's token, compared in constant time."""

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if settings.api_token is None:
            return
        wanted = settings.api_token.get_secret_value().encode()
        if given is None or not hmac.compare_digest(given.credentials.encode(), wanted):
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                "send the service's API token: Authorization: Bearer …",
                {"WWW-Authenticate": "Bearer"},
            )

    return check


def writers(settings: ServiceSettings) -> Callable[[], None]:
    """A dependency of endpoints that change something: nobody may while there is no token, not even on loopback.

    That the token is the right one is what `authenticated` has seen to.
    """

    def check() -> None:
        if settings.api_token is None:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "nobody may write without a token: set POSADA_API_TOKEN for the service"
            )

    return check


def answer_outages(app: FastAPI) -> None:
    """Turn a database that cannot be reached into a 503: whoever asks must never take it for an empty answer."""

    async def excuse(request: Request, outage: Exception) -> JSONResponse:
        log.warning("http.database_away", path=request.url.path, outage=described(outage))
        detail = "the database cannot be reached; ask again in a moment"
        return JSONResponse({"detail": detail}, status.HTTP_503_SERVICE_UNAVAILABLE, {"Retry-After": "5"})

    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, excuse)


def answer_refusals(app: FastAPI) -> None:
    """Turn a refusal raised in an endpoint into a 422 with its reason."""

    @app.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> JSONResponse:
        body = {"reason": refusal.code, "text": refusal.text, "details": refusal.details}
        return JSONResponse({"error": body}, status.HTTP_422_UNPROCESSABLE_CONTENT)
