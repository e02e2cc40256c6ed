"""A provider's webhook call: read within bounds, and proved to come from the provider in constant time."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 256 * 1024  # of a body; strangers may have us keep as much on each connection
BEARER = "Bearer "
UNAUTHORIZED, FORBIDDEN, TOO_LARGE = 401, 403, 413


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A request as it came. `url` is the whole address that the provider was given, names of headers are lower-case."""

    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form, in their order."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The JSON in the body; raises ValueError or RecursionError where it is none."""
        return json.loads(self.body)


class NotGenuine(Exception):
    """The call does not prove where it comes from; `status` is the HTTP status that answers it."""

    def __init__(self, problem: str, status: int = UNAUTHORIZED) -> None:
        super().__init__(problem)
        self.status = status


async def call_of(request: Request, public_url: str | None) -> WebhookCall:
    """A request with its body. `public_url` is what the provider knows us by, which a proxy may have changed.

    Raises:
        HTTPException: 413 for a body of more than `MOST_BYTES`.
    """
    length = request.headers.get("content-length", "0")
    body = bytearray()
    if length.isdigit() and int(length) <= MOST_BYTES:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                break
        else:
            query = f"?{request.url.query}" if request.url.query else ""
            url = f"{public_url.rstrip('/')}{request.url.path}{query}" if public_url else str(request.url)
            return WebhookCall(url, dict(request.headers), dict(request.query_params), bytes(body))
    raise HTTPException(TOO_LARGE, f"send at most {MOST_BYTES} bytes")


def same(given: str, wanted: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def shown_token(call: WebhookCall) -> str:
    """The token that a call shows: `Authorization: Bearer …`, `X-Posada-Token`, or `?token=…`, in this order."""
    header = call.headers.get("authorization", "")
    if header.startswith(BEARER):
        return header[len(BEARER) :]
    return call.headers.get("x-posada-token") or call.query.get("token", "")


def check_token(call: WebhookCall, token: str) -> None:
    """Accept a call that shows the token.

    Raises:
        NotGenuine: for everybody else.
    """
    if not same(shown_token(call), token):
        raise NotGenuine("show the webhook's token: Authorization: Bearer … or ?token=…")


def basic_credentials(header: str) -> str:
    """The `user:password` of an Authorization header, empty where there is none."""
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return b64decode(encoded.strip(), validate=True).decode()
    except (Error, ValueError):
        return ""
