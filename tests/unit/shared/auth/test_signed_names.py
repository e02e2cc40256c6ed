"""Who did it: the name that a person gives, and by whose token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, SecretStr, TypeAdapter

from shared.auth.access import ANONYMOUS, SHARED_TOKEN, signed
from shared.auth.tokens import Caller, Role
from shared.contracts.common import Name

NAMES = {"who", "staff"}


class Said(BaseModel):
    who: Name
    reason: str = ""


async def written(name: str, caller: Caller) -> str:
    """What an endpoint is given for the name."""

    def let_in(request: Request) -> None:
        request.state.caller = caller

    app = FastAPI(dependencies=[Depends(let_in)])

    @app.post("/said")
    async def endpoint(said: Annotated[Said, Depends(signed(Said, "who"))]) -> str:
        assert said.reason == "rain"
        return said.who

    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        answer = await client.post("/said", json={"who": name, "reason": "rain"})
    assert answer.status_code == 200, answer.text
    return str(answer.json())


@pytest.mark.parametrize(
    ("name", "caller", "kept"),
    [
        ("Marta", SHARED_TOKEN, "Marta"),
        ("Marta", ANONYMOUS, "Marta"),
        ("ana", Caller("ana", Role.DESK), "ana"),
        ("Marta (token of boss)", SHARED_TOKEN, "Marta (boss)"),
        ("Marta (token of boss)", Caller("ana", Role.DESK), "Marta (boss) (token of ana)"),
        ("Marta", Caller("ana", Role.DESK), "Marta (token of ana)"),
        ("Marta", Caller("a\nna", Role.DESK), "Marta (token of ana)"),
        ("M" * 200, Caller("ana", Role.DESK), "M" * 185 + " (token of ana)"),
    ],
)
async def test_a_name_is_kept_with_whose_token_it_came(name: str, caller: Caller, kept: str) -> None:
    assert await written(name, caller) == kept


async def test_whatever_is_kept_is_still_a_name() -> None:
    kept = await written("M" * 200, Caller("a" * 200, Role.DESK))
    assert TypeAdapter(Name).validate_python(kept) == kept
    assert kept.endswith(f"(token of {'a' * 100})")


def unsigned(dependant: Dependant) -> set[str]:
    """The names that an endpoint takes from its body as they are."""
    return {
        name
        for one in dependant.body_params
        for name in NAMES & set(getattr(one.field_info.annotation, "model_fields", {}))
    }


def endpoints(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """Those of routers that were included too, which FastAPI keeps as they are."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif router := getattr(route, "original_router", None):
            yield from endpoints(router.routes)


@pytest.mark.parametrize("service", ["booking", "payments"])
def test_every_endpoint_that_asks_for_a_name_signs_it(service: str) -> None:
    settings = import_module(f"services.{service}.settings").Settings(api_token=SecretStr("x" * 32))
    app = import_module(f"services.{service}.app").build(settings).app()
    routes = list(endpoints(app.routes))
    assert [route.path for route in routes if unsigned(route.dependant)] == []
    assert sum(any(map(unsigned, route.dependant.dependencies)) for route in routes) > 4
