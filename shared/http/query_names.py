"""Names of query parameters: one that is close to a known one is refused, for it would be passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.errors import Refusal
from shared.messages.close_names import closest
from shared.messages.incoming import MOST_UNKNOWN


async def refuse_close_names(request: Request) -> None:
    """A dependency of every endpoint.

    Raises:
        Refusal: invalid_request, naming the parameter that was probably meant.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.query_params:
        return
    known = _names(route)
    for name in islice((name for name in request.query_params if name not in known), MOST_UNKNOWN):
        if meant := closest(name, known):
            text = f"{name[:100]}: is not known: write {meant} if that is meant, else leave it out"
            raise Refusal("invalid_request", text, field=name[:100])


def _names(route: APIRoute) -> frozenset[str]:
    return frozenset(parameter.alias for one in dependants_of(route.dependant) for parameter in one.query_params)


def dependants_of(dependant: Dependant) -> Iterator[Dependant]:
    """An endpoint as FastAPI reads it, and everything that it depends on."""
    yield dependant
    for one in dependant.dependencies:
        yield from dependants_of(one)
