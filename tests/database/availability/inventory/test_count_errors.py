"""A count that cannot be made: whoever asked hears which field is wrong, over Kafka and over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.availability import api
from shared.contracts.availability import CountAnswered
from shared.http.app import answer_refusals
from shared.outbox.row import Row
from tests.database.availability.conftest import Availability
from tests.support.doubles.transport import message_of, process_records, raw_record

pytestmark = pytest.mark.real
REQUESTS = "posada.availability.requests"
GOOD = {"request_id": "c1", "check_in": "2026-03-15", "check_out": "2026-03-16"}


async def asked(service: Availability, body: bytes) -> list[Row]:
    """What comes of a request as a gateway writes it, without headers."""
    await process_records(service.consumer, [raw_record(REQUESTS, body)])
    return service.office.taken()


async def answered(service: Availability, **change: Any) -> CountAnswered:
    (row,) = await asked(service, json.dumps(GOOD | change).encode())
    answer = message_of(row)
    assert isinstance(answer, CountAnswered)
    assert (answer.request_id, answer.success) == ("c1", False)
    return answer


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"wanted": [{"type": "Junior", "count": 0}]}, "wanted.0.count"),
        ({"wanted": [{"type": "Junior", "count": -3}]}, "wanted.0.count"),
        ({"wanted": [{"type": " "}]}, "wanted.0.type"),
        ({"check_in": "15/03/2026"}, "check_in"),
        ({"check_out": None}, "check_out"),
        ({"wanted": [{"type": "Igloo"}]}, "type"),
        ({"property_id": "atlantis"}, "property_id"),
        ({"check_out": "2026-03-15"}, "check_out"),
    ],
)
async def test_the_asker_hears_which_field_is_wrong(service: Availability, change: Any, field: str) -> None:
    answer = await answered(service, **change)
    assert answer.error
    assert answer.error.details["field"] == field
    assert answer.error.text


@pytest.mark.parametrize(
    ("change", "spanish", "english"),
    [
        ({"wanted": [{"type": "Junior", "count": 0}]}, "revise este dato: wanted.0.count", "check this detail: wanted"),
        ({"wanted": [{"type": "Igloo"}]}, "No tenemos el tipo de habitación", "no such type of room"),
        ({"property_id": "atlantis"}, "No conocemos la propiedad", "do not know the property"),
        ({"check_out": "2026-03-15"}, "Las fechas que solicita no son posibles", "dates you ask for are not possible"),
        ({"check_in": "soon"}, "Las fechas que solicita no son posibles", "dates you ask for are not possible"),
    ],
)
async def test_in_their_language(service: Availability, change: Any, spanish: str, english: str) -> None:
    assert spanish in (await answered(service, **change)).message
    assert english in (await answered(service, **change, language="en")).message


@pytest.mark.parametrize(
    ("request_id", "success"), [("", True), (None, True), ("x" * 101, False), ("a\nb", False), (["c1"], False)]
)
async def test_what_names_no_id_is_answered_under_its_record_s(
    service: Availability, request_id: Any, success: bool
) -> None:
    (row,) = await asked(service, json.dumps(GOOD | {"request_id": request_id}).encode())
    answer = message_of(row)
    assert isinstance(answer, CountAnswered)
    assert answer.request_id.startswith(f"kafka/{REQUESTS}/0/")
    assert answer.success is success


@pytest.mark.parametrize("body", [b"[1]", b"{", b""])
async def test_what_is_no_object_is_answered(service: Availability, body: bytes) -> None:
    (row,) = await asked(service, body)
    answer = message_of(row)
    assert isinstance(answer, CountAnswered)
    assert answer.error


@pytest.mark.parametrize("kind", ["posada.availability.count-requested.v9", "posada.availability.hold-rooms.v1", "x"])
async def test_a_type_that_the_topic_does_not_know_is_answered(service: Availability, kind: str) -> None:
    await process_records(
        service.consumer, [raw_record(REQUESTS, json.dumps(GOOD).encode(), headers=[("ce_type", kind.encode())])]
    )
    (row,) = service.office.taken()
    answer = message_of(row)
    assert isinstance(answer, CountAnswered)
    assert answer.error
    assert (answer.request_id, answer.error.details["field"]) == ("c1", "ce_type")


@pytest.fixture
async def http(service: Availability) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    answer_refusals(app)
    app.include_router(api.router(service.database, service.repository, service.clock))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://availability") as client:
        yield client


@pytest.mark.parametrize(
    "wanted", ["", " ", ":", ":3", " :3", "x" * 101, "x" * 101 + ":2", "Junior:0", "Junior:x", "Junior:٣"]
)
async def test_a_wish_over_http_that_is_none(http: AsyncClient, wanted: str) -> None:
    dates = {"check_in": "2026-03-15", "check_out": "2026-03-16"}
    answer = await http.get("/properties/las-hojas/availability", params={**dates, "wanted": wanted})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["reason"], error["details"]["field"]) == ("invalid_request", "wanted")
    assert "write type:count" in error["text"]


async def test_a_property_over_http_that_is_none(http: AsyncClient) -> None:
    dates = {"check_in": "2026-03-15", "check_out": "2026-03-16"}
    answer = await http.get(f"/properties/{'x' * 101}/availability", params=dates)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] == "property_id"
    assert "100 characters" in answer.json()["error"]["text"]
