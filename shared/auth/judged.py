"""Puts the judgement of whose a request is between FastAPI's reading of it and its endpoint: one value for both."""

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
CALLER = "judged_caller"


def caller_of(request: Request) -> Caller:
    """A dependency behind `authenticated`: who calls."""
    caller: Caller = request.state.caller
    return caller


Calling = Annotated[Caller, Depends(caller_of)]


def judged(router: APIRouter, scopes: Scopes, database: Database) -> APIRouter:
    """The same router, each endpoint of it behind the scope's rule for it.

    Raises:
        TypeError: for a route that cannot be judged.
    """
    made = copy(router)
    made.routes = [_judged(route, scopes, database) for route in router.routes]
    return made


def operations_of(route: APIRoute) -> list[str]:
    """What a route is called in the table of rules."""
    return [f"{method} {route.path_format}" for method in sorted(route.methods or ())]


def _judged(route: Any, scopes: Scopes, database: Database) -> APIRoute:
    if not isinstance(route, APIRoute) or not iscoroutinefunction(route.endpoint):
        raise TypeError(f"{route!r}: only a plain endpoint that is a coroutine can be judged")
    (operation,) = operations_of(route)
    rule = scopes.rules.get(operation)
    made = copy(route)
    made.endpoint = _behind(route.endpoint, rule, scopes, database)
    return made


def _behind(endpoint: Endpoint, rule: Rule | None, scopes: Scopes, database: Database) -> Endpoint:
    @wraps(endpoint)
    async def judging(**given: Any) -> Any:
        await scopes.check(rule, given.pop(CALLER), given, database)
        return await endpoint(**given)

    asked = signature(endpoint)
    caller = Parameter(CALLER, Parameter.KEYWORD_ONLY, annotation=Calling)
    judging.__signature__ = asked.replace(  # type: ignore[attr-defined]
        parameters=[*asked.parameters.values(), caller]
    )
    return judging
