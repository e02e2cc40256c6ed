"""Checks, between FastAPI's parsing of a request and its endpoint, that the caller may touch what the request names."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from copy import copy
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from shared.auth.scopes import Rule, Scopes
from shared.auth.tokens import Caller
from shared.database.pool import Database

Endpoint = Callable[..., Coroutine[Any, Any, Any]]
CALLER_PARAMETER = "judged_caller"


def caller_of(request: Request) -> Caller:
    """The authenticated caller, as a dependency; needs the dependency `authenticated` before it."""
    caller: Caller = request.state.caller
    return caller


CurrentCaller = Annotated[Caller, Depends(caller_of)]


def authorized(router: APIRouter, scopes: Scopes, database: Database) -> APIRouter:
    """A copy of the router in which each endpoint is called only if its rule in `scopes` allows the caller.

    Raises:
        TypeError: for a route that is no plain coroutine endpoint.
    """
    checked_router = copy(router)
    checked_router.routes = [_authorized(route, scopes, database) for route in router.routes]
    return checked_router


def operations_of(route: APIRoute) -> list[str]:
    """The names of a route in the table of rules."""
    return [f"{method} {route.path_format}" for method in sorted(route.methods or ())]


def _authorized(route: Any, scopes: Scopes, database: Database) -> APIRoute:
    if not isinstance(route, APIRoute) or not iscoroutinefunction(route.endpoint):
        raise TypeError(f"{route!r}: only a plain endpoint that is a coroutine can be checked")
    (operation,) = operations_of(route)
    rule = scopes.rules.get(operation)
    checked_route = copy(route)
    checked_route.endpoint = _checked(route.endpoint, rule, scopes, database)
    return checked_route


def _checked(endpoint: Endpoint, rule: Rule | None, scopes: Scopes, database: Database) -> Endpoint:
    @wraps(endpoint)
    async def checked(**given: Any) -> Any:
        await scopes.check(rule, given.pop(CALLER_PARAMETER), given, database)
        return await endpoint(**given)

    original = signature(endpoint)
    caller = Parameter(CALLER_PARAMETER, Parameter.KEYWORD_ONLY, annotation=CurrentCaller)
    checked.__signature__ = original.replace(  # type: ignore[attr-defined]
        parameters=[*original.parameters.values(), caller]
    )
    return checked
