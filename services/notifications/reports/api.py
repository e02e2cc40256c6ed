"""Delivery reports of providers: let in only with proof and in time, written down, and answered at once.

How each provider proves its reports and what they say stands in its folder in `providers/`. A report that is older
than the replay window is refused, alone: those beside it in a call are taken. Within the window a repetition changes
nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import PlainTextResponse

from services.notifications.delivery import REPORTS, REPORTS_REFUSED
from services.notifications.providers import AnyProvider, Greeting, Report, ReportReader, in_time
from services.notifications.repository import Repository
from shared.clock import Clock, system_clock
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.providers.webhooks import FORBIDDEN, TOO_LARGE, NotGenuine, WebhookCall, call_of

UNREADABLE = status.HTTP_422_UNPROCESSABLE_CONTENT
BAD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError)


class Refused(HTTPException):
    """A report that is not let in; the caller learns no more than that."""

    def __init__(self, provider: str, reason: str, code: int = FORBIDDEN) -> None:
        super().__init__(code, reason)
        REPORTS_REFUSED.labels(provider, reason).inc()


class ReportReceiver:
    """Checks reports and writes them down. `readers` has those of the providers whose secrets are set."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        readers: Mapping[str, ReportReader],
        *,
        public_url: str | None,
        window: timedelta,
        wake: WakeSignal,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._repository = repository
        self._readers = readers
        self._public_url = public_url
        self._window = window
        self._wake = wake
        self._clock = clock

    async def receive(self, provider: str, request: Request) -> None:
        """Take a provider's reports in.

        Raises:
            Refused: when the call proves no origin, or when none of its reports can be read, is new enough or speaks
                of its message.
        """
        call, now, reader = await self._call(provider, request), self._clock(), self._readers.get(provider)
        if reader is None:
            raise Refused(provider, "not set up")
        _checked(provider, lambda: reader.check(call, now, self._window))
        try:
            reports = reader.read(call, now)
        except BAD as bad:
            raise Refused(provider, "unreadable", UNREADABLE) from bad
        fresh = [one for one in reports if in_time(one.at, now, self._window)]
        if reports and not fresh:
            raise Refused(provider, "too old")
        if late := len(reports) - len(fresh):
            REPORTS_REFUSED.labels(provider, "too old").inc(late)
        if fresh:
            await self._write(provider, fresh, reader.reference(call))

    async def alert(self, provider: str, greeting: Greeting, request: Request) -> str:
        """What a call that is under way has to say."""
        call = await self._call(provider, request)
        _checked(provider, lambda: greeting.check(call))
        try:
            reference = greeting.reference(call)
        except ValueError as bad:
            raise Refused(provider, "unreadable", UNREADABLE) from bad
        async with self._database.connection() as connection:
            text = await self._repository.alert_by_reference(connection, reference)
        if text is None:
            raise Refused(provider, "no such call", status.HTTP_404_NOT_FOUND)
        return text

    async def _call(self, provider: str, request: Request) -> WebhookCall:
        try:
            return await call_of(request, self._public_url)
        except HTTPException as large:
            raise Refused(provider, "too large", TOO_LARGE) from large

    async def _write(self, provider: str, reports: list[Report], reference: str | None) -> None:
        async with self._database.transaction() as connection:
            if reference and not await self._repository.are_about(connection, reports, reference):
                raise Refused(provider, "another message")
            await self._repository.take_reports(connection, reports, self._clock())
        self._wake.set()
        for one in reports:
            REPORTS.labels(provider, one.status).inc()


def router(receiver: ReportReceiver, providers: Iterable[AnyProvider], greetings: Mapping[str, Greeting]) -> APIRouter:
    """Where providers report; each has its own proof instead of the API's token."""
    api = APIRouter(prefix="/webhooks", tags=["webhooks"])
    for provider in providers:
        for method in provider.report_methods if provider.reports else ():
            name = provider.name if method == "POST" else f"{provider.name}_query"
            take = _reports_to(receiver, provider.name)
            api.add_api_route(f"/{provider.name}", take, methods=[method], status_code=204, name=name)
    for name, greeting in greetings.items():
        read_out = _alert_for(receiver, name, greeting)
        api.add_api_route(greeting.path, read_out, response_class=PlainTextResponse, name=f"{name}_greeting")
    return api


def _reports_to(receiver: ReportReceiver, provider: str) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        """What became of messages."""
        await receiver.receive(provider, request)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return take


def _alert_for(receiver: ReportReceiver, provider: str, greeting: Greeting) -> Callable[[Request], Awaitable[str]]:
    async def read_out(request: Request) -> str:
        """What a call that is under way has to say, as plain text."""
        return await receiver.alert(provider, greeting, request)

    return read_out


def _checked(provider: str, check: Callable[[], None]) -> None:
    try:
        check()
    except NotGenuine as stranger:
        raise Refused(provider, str(stranger), stranger.status) from stranger
