"""Names that nobody knows over HTTP: in a body and in an address, one close to a known one is refused, not ignored."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, get_args

import pytest
from fastapi import Body, Depends, FastAPI, Query
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

from shared.contracts.topics import SERVICES
from shared.http.app import answer_refusals
from shared.http.query_names import dependants_of, refuse_close_names
from shared.messages.incoming import Incoming, RequestBody

MORE = {"payments": {"stripe_key": "sk_test_x", "stripe_webhook_secret": "whsec_x"}}


class Charge(RequestBody):
    reason: str
    amount: int | None = None
    note: str | None = None


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(dependencies=[Depends(refuse_close_names)])
    answer_refusals(app)

    @app.get("/count/{property_id}")
    async def count(property_id: str, wanted: Annotated[list[str], Query()] = []) -> list[str]:  # noqa: B006
        return wanted

    @app.post("/charges")
    async def charge(charge: Annotated[Charge, Body()]) -> Charge:
        return charge

    return app


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("wanted=Junior:3", 200),
        ("wnated=Junior:3", 422),
        ("Wanted=Junior:3", 422),
        ("wanted=Junior:3&wante=1", 422),
        ("color=red", 200),
        (f"{'x' * 5000}=1", 200),
        ("&".join(f"zz{number}=1" for number in range(500)), 200),
        ("", 200),
    ],
)
async def test_a_query_with_a_slip_in_a_name_is_refused(app: FastAPI, query: str, status: int) -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(f"/count/p?{query}")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert "wanted" in answer.json()["error"]["text"]


async def test_a_body_says_nothing_with_null_and_with_blanks(app: FastAPI) -> None:
    """`optional-null-or-empty` of the cases, over HTTP."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        said = await client.post("/charges", json={"reason": "bar", "amount": "", "note": None})
        slip = await client.post("/charges", json={"reason": "bar", "ammount": 5})
    assert said.json() == {"reason": "bar", "amount": None, "note": None}
    assert slip.status_code == 422
    assert slip.json()["detail"][0]["loc"][-1] == "ammount"


def models_in(annotation: Any) -> set[type[BaseModel]]:
    """Every model that a body's annotation names, those of its fields included."""
    found: set[type[BaseModel]] = set()
    waiting = [annotation]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and issubclass(one, BaseModel) and one not in found:
            found.add(one)
            waiting += [field.annotation for field in one.model_fields.values()]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_body_of_every_service_is_read_so(service: str) -> None:
    module = import_module(f"services.{service}.app")
    settings = import_module(f"services.{service}.settings").Settings(**MORE.get(service, {}))
    bodies: set[type[BaseModel]] = set()
    for route in module.build(settings).app().routes:
        if isinstance(route, APIRoute):
            for dependant in dependants_of(route.dependant):
                for parameter in dependant.body_params:
                    bodies |= models_in(parameter.field_info.annotation)
    assert {model for model in bodies if not issubclass(model, Incoming)} == set()
