"""What payments shows over HTTP, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from services.payments.app import build
from services.payments.consumers import routes
from services.payments.lookup import Lookup
from services.payments.queries import Queries
from services.payments.repository import Repository
from services.payments.requests import api as requests_api
from services.payments.settings import Settings
from services.payments.transfers import api as transfers_api
from services.payments.transfers.payment import payment_id_of
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.http.app import authenticated
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.payments import (
    TERMS,
    Post,
    Ticking,
    booking,
    capture,
    card,
    record_of,
    reserve,
    reserve_by_card,
    transfer,
)
from tests.support.doubles.transport import process_records

T1 = payment_id_of("kafka", "T1")


async def no_prefetch(_: Sequence[Message]) -> None:
    """There are no feeds to read."""


class Api:
    """The service behind its API, told by hand."""

    def __init__(self, database: Database, client: httpx.AsyncClient) -> None:
        self.clock = Ticking()
        relay = OutboxPublisher(Post(), database, clock=self.clock)
        self._consumer = Processor(routes(Repository(TERMS)), database, relay, clock=self.clock)
        self._client = client

    async def tell(self, *messages: Message) -> None:
        await process_records(self._consumer, [record_of(message) for message in messages])

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self._client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    app = FastAPI()
    known = [Depends(authenticated(Settings()))]
    queries = Queries(database)
    lookup = Lookup(Repository(TERMS), database, system_clock, TERMS)
    app.include_router(transfers_api.router(queries, TERMS), dependencies=known)
    app.include_router(requests_api.router(lookup, queries, no_prefetch), dependencies=known)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://payments") as client:
        yield Api(database, client)


async def test_a_payment_says_what_arrived_and_whom_it_serves(api: Api) -> None:
    await api.tell(transfer(amount="1000.00", payer="Ana Paz"))
    await api.tell(reserve("first", slip_amount="1000.00"), reserve("second", "100.00", slip_amount="1000.00"))
    await api.tell(capture("first", "HR1", "HR2"))
    payment = await api.get(f"/payments/{T1}")
    said = {name: payment[name] for name in ("amount", "reserved", "captured", "refunded", "left", "codes", "payer")}
    assert said == {
        "amount": "1000.00",
        "reserved": "100.00",
        "captured": "690.00",
        "refunded": "0.00",
        "left": "210.00",
        "codes": ["HR1", "HR2"],
        "payer": "Ana Paz",
    }
    assert {(one["booking_id"], one["status"], one["amount"]) for one in payment["bookings"]} == {
        (str(booking("first")), "captured", "690.00"),
        (str(booking("second")), "reserved", "100.00"),
    }


async def test_a_payments_entries_and_the_audit(api: Api) -> None:
    await api.tell(transfer(), reserve())
    entries = await api.get(f"/payments/{T1}/entries")
    assert [(one["kind"], one["amount"]) for one in entries] == [("arrived", "690.00"), ("reserved", "690.00")]
    assert str(booking()) in (await api.get(f"/payments/{booking()}/entries", 404))["detail"]
    assert await api.get("/payments/audit") == {"agrees": True, "payments": 1, "disagreements": 0, "examples": []}


async def test_a_bookings_payments_with_its_request(api: Api) -> None:
    await api.tell(transfer(), reserve(), reserve("poor", slip_amount="1.00"))
    told = await api.get(f"/bookings/{booking()}/payments")
    assert (told["request"]["status"], [one["payment_id"] for one in told["payments"]]) == ("reserved", [str(T1)])
    poor = await api.get(f"/bookings/{booking('poor')}/payments")
    assert (poor["request"]["refusal"]["code"], poor["payments"]) == ("payment_insufficient", [])


@pytest.mark.parametrize("path", [f"/payments/{booking()}", f"/bookings/{booking()}/payments"])
async def test_what_is_not_known_is_not_found(api: Api, path: str) -> None:
    assert str(booking()) in (await api.get(path, 404))["detail"]


async def test_the_older_flat_view(api: Api) -> None:
    await api.tell(transfer(), card("A7"), card("B8", amount="5.00"), reserve())
    api.clock.forward(timedelta(hours=11))  # past midnight in UTC, still the 15th at the beach
    await api.tell(capture())
    lines = {line["authorization_or_id"]: line for line in await api.get("/payments/flat")}
    assert set(lines) == {"T1", "A7", "B8"}
    assert (lines["T1"]["used"], lines["T1"]["codes"]) == (True, "HR26181, HR26182, HR26183")
    assert lines["T1"]["date_used"] == "2025-03-15"
    assert (lines["A7"]["used"], lines["A7"]["codes"], lines["A7"]["date_used"]) == (False, "N/A", None)


async def test_the_flat_view_is_read_in_slices_and_by_date(api: Api) -> None:
    await api.tell(*[transfer(f"T{number}", posted_on=f"2025-03-{number + 10}") for number in range(5)])
    seen: list[str] = []
    while lines := await api.get("/payments/flat?limit=2" + (f"&after={seen[-1]}" if seen else "")):
        seen += [line["payment_id"] for line in lines]
    assert len(set(seen)) == len(seen) == 5
    dated = await api.get("/payments/flat?posted_from=2025-03-11&posted_to=2025-03-12")
    assert {line["posted_on"] for line in dated} == {"2025-03-11", "2025-03-12"}


async def test_what_is_waited_for_with_stage_attempt_and_time(api: Api) -> None:
    await api.tell(reserve("late"))
    api.clock.forward(timedelta(minutes=1))
    await api.tell(reserve_by_card("later"))
    first, second = await api.get("/payment-requests/waiting")
    assert [one["booking_id"] for one in (first, second)] == [str(booking("late")), str(booking("later"))]
    assert (first["stage"], first["attempt"]) == (1, 1)
    assert first["next_attempt_at"] == "2025-03-15T18:05:00Z"
    assert first["started_at"] == "2025-03-15T18:00:00Z"
    assert len(await api.get("/payment-requests/waiting?limit=1")) == 1


def test_the_service_is_put_together(payments_url: str) -> None:
    service = build(Settings(database_url=payments_url, api_token="a secret of thirty-two characters"))
    paths = service.app().openapi()["paths"]
    assert {"/payments/{payment_id}", "/payments/flat", "/health/ready"} <= set(paths)
    assert [topic.name for topic in service.routes.topics] == [
        "posada.payments.commands",
        "posada.payments.requests",
        "posada.payments.transfers",
        "posada.payments.internal",
    ]
