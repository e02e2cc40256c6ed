"""Who may call an endpoint, how often, and about which properties: what the guards of an HTTP API are made of."""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
from fastapi import HTTPException, Request, status
from fastapi.routing import APIRoute
from pydantic import BaseModel, SecretStr

from shared.database import Database
from shared.tokens import Caller, Keys, Role, TokenRefused, read

PROPERTY = "property_id"
MARK = "(token of "
LONGEST_NAME, LONGEST_SUBJECT = 200, 100  # characters that are written down of who did it, and of whose token it was
Body = TypeVar("Body", bound=BaseModel)
REMEMBERED = 10_000  # callers whose rate is known
ANYBODY = Caller("anybody", Role.VIEWER)
HOUSE = Caller("the shared token", Role.ADMIN)
NO_TOKEN = "send the service's API token: Authorization: Bearer …"  # noqa: S105 — a sentence


def known(token: SecretStr | None, keys: Keys, shown: str | None) -> Caller:
    """Who shows this; where nothing is to be shown, anybody.

    Raises:
        HTTPException: 401 with the reason.
    """
    if token is None and not keys:
        return ANYBODY
    if shown is None:
        raise _unknown(NO_TOKEN)
    if token is not None and hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        return HOUSE
    if not keys:
        raise _unknown(NO_TOKEN)
    try:
        return read(keys, shown)
    except TokenRefused as refused:
        raise _unknown(str(refused)) from None


def _unknown(why: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"WWW-Authenticate": "Bearer"})


def signed(model: type[Body], field: str) -> Callable[..., Body]:
    """A dependency that gives an endpoint its body, where `field` is who a person says to be, and by whose token.

    The shared token is everybody's, so that it adds nothing to the name.
    """

    def body(request: Request, said: Body) -> Body:
        name = _named(getattr(said, field), request.state.caller)
        return said.model_copy(update={field: name})

    body.__annotations__ = {"request": Request, "said": model}  # which FastAPI reads
    return body


def _named(name: str, caller: Caller) -> str:
    name = name.replace(MARK, "(")  # which nobody writes but we
    if caller is HOUSE or caller is ANYBODY or caller.subject == name:
        return name
    subject = "".join(letter for letter in caller.subject if letter.isprintable())[:LONGEST_SUBJECT]
    whose = f" {MARK}{subject})"
    return name[: LONGEST_NAME - len(whose)] + whose


@dataclass
class RateLimit:
    """A bucket for each caller: `per_second` requests, twice as many at once. Times are seconds of a steady clock."""

    per_second: float
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, caller: str, now: float) -> None:
        """Take one request out of the caller's bucket.

        Raises:
            HTTPException: 429 with the seconds to wait, when it is empty.
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


@dataclass(frozen=True, slots=True)
class Scopes:
    """How a request's properties are found: named in it, or asked of the database by an id that it names.

    `owners` has for a parameter's name the query for the properties that its value belongs to; NULL and an empty text
    belong to no single one. Endpoints in `common` tell nothing of any property.
    """

    owners: Mapping[str, str] = field(default_factory=dict)
    common: frozenset[str] = frozenset()

    async def check(self, request: Request, caller: Caller, database: Database) -> None:
        """Let a caller pass who may touch all properties that the request is about. Who is for some is refused where
        that cannot be told.

        Raises:
            HTTPException: 403 with the remedy.
        """
        if caller.properties is None:
            return
        route = request.scope.get("route")
        if isinstance(route, APIRoute) and await self._passes(request, route, caller, database):
            return
        told = ", ".join(sorted(caller.properties))
        detail = f"this token is for {told} alone: name one of these as {PROPERTY}, or show another token"
        raise HTTPException(status.HTTP_403_FORBIDDEN, detail)

    async def _passes(self, request: Request, route: APIRoute, caller: Caller, database: Database) -> bool:
        if route.path in self.common:
            return True
        address, body = _in_address(request, route), await _in_body(request, route)
        named: list[str | None] = [value for name, value in (*address, *body) if name == PROPERTY]
        owners = await self._owners(address, database)
        if not named and owners == []:
            return True  # there is no such thing, and the endpoint says so
        # What a body names beside it and is nobody's, such as money that is not yet spent, may become the caller's.
        beside = [one for one in await self._owners(body, database) or () if one is not None]
        return caller.may_touch([*named, *(owners or ()), *beside])

    async def _owners(self, given: Sequence[tuple[str, str]], database: Database) -> list[str | None] | None:
        """Whose the things are that are named; None where no such thing is named."""
        asked = [(self.owners[name], value) for name, value in given if name in self.owners]
        found = [one for query, value in asked for one in await _owners(database, query, value)]
        return found if asked else None


async def _owners(database: Database, query: str, value: str) -> list[str | None]:
    try:
        async with database.connection() as connection:
            return [row[0] or None for row in await connection.fetch(query, value)]
    except asyncpg.DataError:  # no id at all: that is for the endpoint to say
        return []


def _in_address(request: Request, route: APIRoute) -> list[tuple[str, str]]:
    """What the endpoint itself reads of the address: what it does not declare says nothing of what it does."""
    given = [(name, str(value)) for name, value in request.path_params.items()]
    for name in _query_names(route):
        given += [(name, value) for value in request.query_params.getlist(name)]
    return [(name, value) for name, value in given if value]


async def _in_body(request: Request, route: APIRoute) -> list[tuple[str, str]]:
    """The same of the body's fields."""
    body = route.body_field
    model = body.field_info.annotation if body is not None else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    sent = await _sent(request)
    return [(name, str(sent[name])) for name in model.model_fields if sent.get(name)]


async def _sent(request: Request) -> dict[str, Any]:
    try:
        sent = await request.json()
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _query_names(route: APIRoute) -> Iterator[str]:
    for parameter in route.dependant.query_params:
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from model.model_fields
        else:
            yield parameter.alias
