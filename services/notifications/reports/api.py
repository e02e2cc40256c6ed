"""Delivery reports of providers: let in only with proof and in time, written down, and answered at once.

Twilio signs what it sends. Postmark sends the credentials that its webhook was set up with. WATI and Gupshup can be
given a header or an address of our choice and show our token; Exotel and Twilio call an address that we made for one
message, with its time and our signature in it. A report that is older than the replay window is refused; within it a
repetition changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import PlainTextResponse

from services.notifications.delivery.metrics import REPORTS, REPORTS_REFUSED
from services.notifications.delivery.wake_signal import WakeSignal
from services.notifications.providers.callbacks import Callbacks
from services.notifications.reports import reading, signatures
from services.notifications.reports.model import Report
from services.notifications.repository import Repository
from shared.clock import Clock, system_clock
from shared.database.pool import Database

LARGEST_BODY = 256 * 1024
BAD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError)


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What each provider must show; one without its secret is not let in at all."""

    callbacks: Callbacks | None = None
    twilio_token: str | None = None
    postmark_credentials: str | None = None
    webhook_token: str | None = None


class Refused(HTTPException):
    """A report that is not let in; the caller learns no more than that."""

    def __init__(self, provider: str, reason: str, code: int = status.HTTP_403_FORBIDDEN) -> None:
        super().__init__(code, reason)
        REPORTS_REFUSED.labels(provider, reason).inc()


Body = Mapping[str, Any] | list[Any]


class ReportReceiver:
    """Checks reports and writes them down."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        proofs: WebhookSecrets,
        *,
        window: timedelta,
        bell: WakeSignal,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._repository = repository
        self._proofs = proofs
        self._window = window
        self._bell = bell
        self._clock = clock

    async def twilio(self, request: Request) -> None:
        """Message status callbacks: a form, X-Twilio-Signature, an address of ours."""
        body = await self._body("twilio", request)
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        if not self._proofs.twilio_token or not self._proofs.callbacks:
            raise Refused("twilio", "not set up")
        url = self._called(request)
        wanted = signatures.twilio_signature(self._proofs.twilio_token, url, form)
        if not signatures.same(request.headers.get("x-twilio-signature", ""), wanted):
            raise Refused("twilio", "wrong signature")
        self._ours("twilio", request)
        await self._take("twilio", lambda: reading.twilio(dict(form), self._clock()), request)

    async def exotel(self, request: Request) -> None:
        """Call status callbacks: a form or JSON, an address of ours."""
        body = await self._body("exotel", request)
        self._ours("exotel", request)
        await self._take("exotel", lambda: reading.exotel(_read_form(request, body), self._clock()), request)

    async def greeting(self, request: Request) -> str:
        """What a call of ours reads out: asked for by Exotel's greeting, with our token and our reference."""
        self._token("exotel", request)
        try:
            reference = UUID(request.query_params.get("CustomField", ""))
        except ValueError as bad:
            raise Refused("exotel", "unreadable", status.HTTP_422_UNPROCESSABLE_CONTENT) from bad
        async with self._database.connection() as connection:
            text = await self._repository.alert_by_reference(connection, reference)
        if text is None:
            raise Refused("exotel", "no such call", status.HTTP_404_NOT_FOUND)
        return text

    async def postmark(self, request: Request) -> None:
        """Delivery, bounce, spam complaint and open webhooks: JSON, Basic authentication."""
        body = await self._body("postmark", request)
        wanted = self._proofs.postmark_credentials
        given = signatures.basic_credentials(request.headers.get("authorization", ""))
        if not wanted or not signatures.same(given, wanted):
            raise Refused("postmark", "wrong credentials", status.HTTP_401_UNAUTHORIZED)
        await self._take("postmark", lambda: reading.postmark(json.loads(body)))

    async def wati(self, request: Request) -> None:
        """Message status webhooks: JSON, our token."""
        body = await self._body("wati", request)
        self._token("wati", request)
        await self._take("wati", lambda: reading.wati(json.loads(body), self._clock()))

    async def gupshup(self, request: Request) -> None:
        """Message events of WhatsApp and delivery reports of SMS: JSON or a query, our token."""
        body = await self._body("gupshup", request)
        self._token("gupshup", request)
        query = dict(request.query_params) if request.method == "GET" else None
        await self._take("gupshup", lambda: reading.gupshup(query or _read_batch(body), self._clock()))

    async def _take(self, provider: str, read: Callable[[], list[Report]], addressed: Request | None = None) -> None:
        """`addressed`: a request to an address that we made for one message, of which alone it may speak."""
        try:
            found = read()
        except BAD as bad:
            raise Refused(provider, "unreadable", status.HTTP_422_UNPROCESSABLE_CONTENT) from bad
        now = self._clock()
        if any(not signatures.in_time(one.at, now, self._window) for one in found):
            raise Refused(provider, "too old")
        if found:
            async with self._database.transaction() as connection:
                reference = addressed.query_params["r"] if addressed else None
                if reference and not await self._repository.are_about(connection, found, reference):
                    raise Refused(provider, "another message")
                await self._repository.take_reports(connection, found, now)
            self._bell.ring()
        for one in found:
            REPORTS.labels(provider, one.fate).inc()

    def _ours(self, provider: str, request: Request) -> None:
        callbacks, query = self._proofs.callbacks, request.query_params
        made = query.get("t", "")
        if callbacks is None:
            raise Refused(provider, "not set up")
        if not signatures.ours(callbacks, provider, made, query.get("r", ""), query.get("s", "")):
            raise Refused(provider, "not an address of ours")
        if not signatures.in_time(callbacks.made_at(made), self._clock(), self._window):
            raise Refused(provider, "too old")

    def _token(self, provider: str, request: Request) -> None:
        wanted = self._proofs.webhook_token
        given = request.headers.get("x-posada-token") or request.query_params.get("token", "")
        if not wanted or not signatures.same(given, wanted):
            raise Refused(provider, "wrong token", status.HTTP_401_UNAUTHORIZED)

    def _called(self, request: Request) -> str:
        """The address as the provider called it, which a proxy in front of us may have changed."""
        assert self._proofs.callbacks  # noqa: S101 — the caller has looked
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{self._proofs.callbacks.public_url.rstrip('/')}{request.url.path}{query}"

    @staticmethod
    async def _body(provider: str, request: Request) -> bytes:
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise Refused(provider, "too large", status.HTTP_413_CONTENT_TOO_LARGE)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                raise Refused(provider, "too large", status.HTTP_413_CONTENT_TOO_LARGE)
        return body


def router(door: ReportReceiver) -> APIRouter:
    """Where providers report; each has its own proof instead of the API's token."""
    api = APIRouter(prefix="/webhooks", tags=["webhooks"])
    takers: dict[str, Callable[[Request], Awaitable[None]]] = {
        "twilio": door.twilio,
        "exotel": door.exotel,
        "postmark": door.postmark,
        "wati": door.wati,
        "gupshup": door.gupshup,
    }
    for provider, take in takers.items():
        api.add_api_route(f"/{provider}", _endpoint(take), methods=["POST"], status_code=204, name=provider)
    # Gupshup's SMS reports may come as a query instead.
    api.add_api_route("/gupshup", _endpoint(door.gupshup), methods=["GET"], status_code=204, name="gupshup_query")

    @api.get("/exotel/greeting", response_class=PlainTextResponse)
    async def greeting(request: Request) -> str:
        """What a call that is under way has to say, as plain text."""
        return await door.greeting(request)

    return api


def _endpoint(take: Callable[[Request], Awaitable[None]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        await take(request)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    endpoint.__doc__ = take.__doc__
    return endpoint


def _read_form(request: Request, body: bytes) -> Mapping[str, Any]:
    if "json" in request.headers.get("content-type", ""):
        given = json.loads(body)
        return given if isinstance(given, dict) else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _read_batch(body: bytes) -> Body:
    text = body.decode("utf-8", "replace")
    given = json.loads(text.removeprefix("response="))
    if isinstance(given, dict | list):
        return given
    raise ValueError("neither an object nor a list")
