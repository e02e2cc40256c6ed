"""A provider's API over HTTP: one client, and one reading of what its answers and failures mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Unpack

import aiohttp
import httpx

from shared.errors import CallFailed
from shared.outbound.client import ClientLimits, DestinationForbidden, client, json_in
from shared.safety.masking import without_addresses

PASSING = frozenset({408, 409, 425, 429})  # client errors that another attempt may not meet
LIMITED = 429
DEFAULT_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_REASON = 200
# Nothing was sent: these say for sure that the provider does not have the message.
NEVER_ARRIVED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class ProviderClient:
    """The API of one provider at `url`; `auth` and `headers` go with each call."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **limits: Unpack[ClientLimits],
    ) -> None:
        self._http = client(url, auth=auth, headers=headers, **limits)

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The provider's answer, whatever its status.

        Raises:
            CallFailed: when there was none; unsure where the request may have arrived.
        """
        try:
            return await self._http.request(method, path, **given)
        except httpx.HTTPError as fault:
            raise CallFailed(_name(fault), unsure=not _never_arrived(fault)) from fault

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token, which may have been copied with its word."""
    return {"Authorization": f"Bearer {token.removeprefix('Bearer ')}"}


def _name(fault: httpx.HTTPError) -> str:
    """What happened, in one word; the transport has one for all that can happen to a connection."""
    cause = fault.__cause__
    if isinstance(fault, DestinationForbidden):
        return str(fault)
    if isinstance(cause, aiohttp.ClientConnectorError):
        return "ConnectError"
    lost = isinstance(fault, httpx.ConnectTimeout) and not isinstance(cause, aiohttp.ConnectionTimeoutError)
    return type(cause if lost and cause else fault).__name__


def _never_arrived(fault: httpx.HTTPError) -> bool:
    """What aiohttp says of it counts: the transport calls a connection that was lost at any time one that never was."""
    return isinstance(fault, DestinationForbidden) or isinstance(fault.__cause__, NEVER_ARRIVED)


def raise_for_failure(answer: httpx.Response, reason: str = "", *, what: str = "") -> None:
    """Raise CallFailed for an answer that is no success: limits and server errors pass, other client errors are final.

    A server error leaves open whether the request was carried out. `what` names what was asked for, `reason` is the
    provider's.
    """
    if answer.is_success:
        return
    status = answer.status_code
    problem = (f"{what}: " if what else "") + f"HTTP {status}" + (f": {reason[:LONGEST_REASON]}" if reason else "")
    raise CallFailed(
        problem,
        final=not (answer.is_server_error or status in PASSING),
        retry_after=pause_of(answer) if status == LIMITED or answer.headers.get("retry-after") else None,
        unsure=answer.is_server_error,
    )


def pause_of(answer: httpx.Response, now: datetime | None = None) -> timedelta:
    """The pause that Retry-After asks for, as seconds or as a date; bounded, and a default where it is unreadable."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return min(timedelta(seconds=int(given[:9])), LONGEST_PAUSE)
    try:
        wanted = parsedate_to_datetime(given) - (now or datetime.now(UTC))
    except (ValueError, TypeError):
        return DEFAULT_PAUSE
    return min(max(wanted, timedelta()), LONGEST_PAUSE)


def read_object(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        CallFailed: when it is something else, an error page for instance; then the result of the call is not known.
    """
    body = maybe_object(answer)
    if body is None:
        raise CallFailed("the answer is not a JSON object", unsure=True)
    return body


def maybe_object(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object of an answer, or None."""
    try:
        body = json_in(answer)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def first_text(body: Mapping[str, Any], *names: str) -> str:
    """The first of some fields that is text with something in it, without anybody's address."""
    found = (body.get(name) for name in names)
    reason = next((text for text in found if isinstance(text, str) and text), "no reason given")
    return without_addresses(reason[:LONGEST_REASON])
