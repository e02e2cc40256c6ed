"""Authentication and rate limits of HTTP endpoints."""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import HTTPException, Request, status
from pydantic import BaseModel, SecretStr

from shared.auth.tokens import Caller, Keys, Role, TokenRefused, read

MARK = "(token of "
LONGEST_NAME, LONGEST_SUBJECT = 200, 100  # characters that are kept of a person's name, and of a token's subject
Body = TypeVar("Body", bound=BaseModel)
REMEMBERED = 10_000  # callers whose rate is kept
ANONYMOUS = Caller("anybody", Role.VIEWER)
SHARED_TOKEN = Caller("the shared token", Role.ADMIN)
NO_TOKEN = "send the service's API token: Authorization: Bearer …"  # noqa: S105 — a sentence


def known(token: SecretStr | None, keys: Keys, shown: str | None) -> Caller:
    """The caller that the shown token proves; ANONYMOUS when the service has neither a token nor keys.

    Raises:
        HTTPException: 401 with the reason.
    """
    if token is None and not keys:
        return ANONYMOUS
    if shown is None:
        raise _unknown(NO_TOKEN)
    if token is not None and hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        return SHARED_TOKEN
    if not keys:
        raise _unknown(NO_TOKEN)
    try:
        return read(keys, shown)
    except TokenRefused as refused:
        raise _unknown(str(refused)) from None


def _unknown(why: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"WWW-Authenticate": "Bearer"})


def signed(model: type[Body], field: str) -> Callable[..., Body]:
    """A dependency for a body whose `field` is a person's name: it appends the subject of the caller's token.

    Nothing is appended for the shared token, which says nothing about the person.
    """

    def body(request: Request, given: Body) -> Body:
        name = _named(getattr(given, field), request.state.caller)
        return given.model_copy(update={field: name})

    body.__annotations__ = {"request": Request, "given": model}  # read by FastAPI
    return body


def _named(name: str, caller: Caller) -> str:
    name = name.replace(MARK, "(")  # only we may write it
    if caller is SHARED_TOKEN or caller is ANONYMOUS or caller.subject == name:
        return name
    subject = "".join(letter for letter in caller.subject if letter.isprintable())[:LONGEST_SUBJECT]
    suffix = f" {MARK}{subject})"
    return name[: LONGEST_NAME - len(suffix)] + suffix


@dataclass
class RateLimit:
    """A token bucket for each caller: `per_second` requests, twice as many at once. Times are monotonic seconds.

    Ours, for `limits` has no token bucket and its memory grows with the number of callers; this one keeps the latest.
    """

    per_second: float
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, caller: str, now: float) -> None:
        """Count one request of a caller.

        Raises:
            HTTPException: 429 with the seconds to wait, when the caller's bucket is empty.
        """
        most = max(1.0, 2 * self.per_second)
        left, since = self._buckets.pop(caller, (most, now))
        left = min(most, left + (now - since) * self.per_second)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = math.ceil((1 - left) / self.per_second)
            detail = f"more than {self.per_second:g} requests a second: ask again in {wait} s"
            raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, detail, {"Retry-After": str(wait)})
