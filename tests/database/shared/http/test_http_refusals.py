"""Whatever a request holds, it is answered in few words, and is no fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.topics import SERVICES
from shared.http.app import MOST_PROBLEMS, answer_faults
from shared.service import Service
from tests.conftest import FreshDatabase

SECRET = "a token that nobody of these shows"  # noqa: S105 — of this test alone
KNOWN = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
FITTING = {"uuid": str(uuid4()), "date": "2027-01-01", "integer": "1", "number": "1"}
ODD = ("\0", "9" * 19, "9" * 30, "-1", "NaN", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-14:00")


class Thing(BaseModel):
    """Something to be read, and nothing else."""

    model_config = ConfigDict(extra="forbid")
    words: Annotated[str, Field(max_length=100)]
    amount: float | None = None


def things() -> AsyncClient:
    app = FastAPI()
    answer_faults(app)

    @app.post("/things")
    async def thing(given: Thing) -> str:
        return given.words

    return AsyncClient(transport=ASGITransport(app), base_url="http://service", headers=KNOWN)


@pytest.mark.parametrize(
    "body",
    [
        b'{"words": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"amount": NaN}',
        b'{"words": ' + b"[" * 200_000,
        b'{"words": ' + b"9" * 200_000 + b"}",
    ],
    ids=["half a character", "a field of one", "no number", "too deep", "too many digits"],
)
async def test_what_cannot_be_told_back_is_refused_all_the_same(body: bytes) -> None:
    async with things() as http:
        assert (await http.post("/things", content=body)).status_code in {400, 422}


async def test_a_refusal_names_the_fields_and_tells_nothing_of_what_they_held() -> None:
    many = {f"field {number}": 0 for number in range(10_000)} | {"x" * 100_000: 0}
    async with things() as http:
        (told,) = (await http.post("/things", json={"words": 7_654_321})).json()["detail"]
        assert told == {"type": "string_type", "loc": ["body", "words"], "msg": "Input should be a valid string"}
        long = await http.post("/things", json=many)
    assert (long.status_code, len(long.json()["detail"])) == (422, MOST_PROBLEMS)
    assert len(long.content) < 1000 * MOST_PROBLEMS


@pytest.mark.real
@pytest.mark.parametrize("name", SERVICES)
async def test_no_value_of_a_parameter_is_a_fault(name: str, fresh_database: FreshDatabase) -> None:
    service = built(name, fresh_database(name))
    app = service.app()
    await service.database.open()
    try:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://service", headers=KNOWN) as http:
            for address in addresses(app):
                told = await http.get(address)
                assert told.status_code < 500, (address, told.status_code, told.text)
    finally:
        await service.database.close()


def built(name: str, url: str) -> Service:
    given = {"database_url": url, "api_token": SECRET, "http_rate": 100_000}
    settings = import_module(f"services.{name}.settings").Settings(**given)
    service: Service = import_module(f"services.{name}.app").build(settings)
    return service


def addresses(app: FastAPI) -> Iterator[str]:
    """Every endpoint that reads, with each of its parameters odd in turn."""
    for path, methods in app.openapi()["paths"].items():
        if path.startswith(("/health", "/metrics", "/webhooks")):
            continue
        taken: list[dict[str, Any]] = methods.get("get", {}).get("parameters", [])
        for one in taken:
            if one["in"] == "query":
                needed = {other["name"]: fitting(other) for other in taken if other["required"]}
                inside = {other["name"]: needed.pop(other["name"]) for other in taken if other["in"] == "path"}
                for odd in ODD:
                    yield f"{path.format(**inside)}?{urlencode(needed | {one['name']: odd})}"


def fitting(parameter: dict[str, Any]) -> str:
    """Something that a parameter may be."""
    told = parameter["schema"]
    return FITTING.get(told.get("format", told.get("type")), "x")


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_is_sent_to_where_the_request_says(service: str) -> None:
    app = built(service, "postgresql://nowhere/none").app()
    paths = [path for path, methods in app.openapi()["paths"].items() if "get" in methods and "{" not in path]
    async with AsyncClient(transport=ASGITransport(app), base_url="http://evil.example", headers=KNOWN) as http:
        for path in paths:
            assert (await http.get(f"{path}/")).status_code == 404, path
