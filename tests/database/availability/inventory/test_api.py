"""What availability answers over HTTP, as it is put together for production, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.availability.app import build
from services.availability.settings import Settings
from shared.consumer.processor import Processor
from shared.contracts.availability import BookRooms, ReleaseRooms
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.doubles.transport import MovedClock, PostOffice, process_records, record_of
from tests.support.servers.databases import FreshDatabase
from tests.support.servers.tcp_proxy import Line, line_to

pytestmark = pytest.mark.real

TOKEN = "the hotel's own token, hard to guess"  # noqa: S105 — of this test alone
COUNTS = "/properties/las-hojas/availability"
NIGHT = {"check_in": CHECK_IN.isoformat(), "check_out": (CHECK_IN + timedelta(days=1)).isoformat()}
ALL_FREE = {"bungalow_familiar": 17, "bungalow_junior": 37, "bungalow_matrimonial": 5, "habitacion": 14, "pasadia": 100}


class Api:
    """The service behind its API, told by hand."""

    def __init__(self, url: str) -> None:
        self.service = build(Settings(database_url=url, api_token=TOKEN), MovedClock())
        relay = OutboxPublisher(PostOffice(), self.service.database, clock=self.service.clock)
        self._consumer = Processor(self.service.routes, self.service.database, relay, clock=self.service.clock)
        transport = httpx.ASGITransport(self.service.app())
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://availability", headers={"Authorization": f"Bearer {TOKEN}"}
        )

    async def tell(self, *messages: Message) -> None:
        await process_records(self._consumer, [record_of(message) for message in messages])

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def line(fresh_database: FreshDatabase) -> AsyncIterator[Line]:
    async with line_to(fresh_database("availability")) as line:
        yield line


@pytest.fixture
async def api(line: Line) -> AsyncIterator[Api]:
    made = Api(line.url)
    await made.service.database.open()
    async with made.client:
        yield made
    await made.service.database.close()


async def test_every_type_is_counted_and_what_is_wanted_is_answered(api: Api) -> None:
    told = await api.get(COUNTS, **NIGHT, wanted=["Junior:3", "habitación"], language="en")
    assert (told["success"], told["can_fulfill"], told["shortages"]) == (True, True, [])
    assert told["available_counts"] == ALL_FREE
    assert "March" in told["message"]


async def test_what_is_held_is_not_free_and_what_falls_short_is_named(api: Api) -> None:
    before = (await api.get(COUNTS, **NIGHT))["available_counts"]["bungalow_junior"]
    await api.tell(hold(uuid4(), wish(1), wish(2)))
    told = await api.get(COUNTS, **NIGHT, wanted=f"Junior:{before}")
    assert told["available_counts"]["bungalow_junior"] == before - 2
    assert told["can_fulfill"] is False
    assert told["shortages"] == [{"type": "bungalow_junior", "requested": before, "available": before - 2}]
    later = {"check_in": NIGHT["check_out"], "check_out": (CHECK_IN + timedelta(days=2)).isoformat()}
    assert (await api.get(COUNTS, **later))["available_counts"]["bungalow_junior"] == before


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (COUNTS, {"check_out": NIGHT["check_in"]}, "check_out"),
        (COUNTS, {"check_out": (CHECK_IN - timedelta(days=1)).isoformat()}, "check_out"),
        (COUNTS, {"check_out": "9999-12-31"}, "check_out"),
        (COUNTS, {"check_in": "2001-01-01"}, "check_in"),
        (COUNTS, {"check_in": "tomorrow"}, "check_in"),
        (COUNTS, {"check_in": "2026-02-30"}, "check_in"),
        (COUNTS, {"check_in": None}, "check_in"),
        (COUNTS, {"language": "tlh"}, "language"),
        (COUNTS, {"wanted": "Igloo:2"}, "Igloo"),
        (COUNTS, {"wanted": "Igloo"}, "Junior"),
        (COUNTS, {"wanted": "Junior:0"}, "wanted"),
        (COUNTS, {"wanted": "Junior:501"}, "wanted"),
        (COUNTS, {"wanted": "Junior:-1"}, "wanted"),
        (COUNTS, {"wanted": "Junior:²"}, "wanted"),
        (COUNTS, {"wanted": "Junior:" + "9" * 5000}, "wanted"),
        (COUNTS, {"wanted": ""}, "wanted"),
        (COUNTS, {"wanted": " :2"}, "wanted"),
        (COUNTS, {"wanted": "x" * 200}, "wanted"),
        (COUNTS, {"wanted": "a\0b:2"}, "wanted"),
        (COUNTS, {"wanted": ["Junior"] * 501}, "wanted"),
        ("/properties/atlantis/availability", {}, "atlantis"),
        ("/properties/a%00b/availability", {}, "property_id"),
        (f"/properties/{'x' * 200}/availability", {}, "property_id"),
        ("/holds/HR26181", {}, "booking_id"),
    ],
)
async def test_what_cannot_be_asked_is_said_with_its_name(
    api: Api, path: str, query: dict[str, Any], named: str
) -> None:
    asked = {name: value for name, value in {**NIGHT, **query}.items() if value is not None}
    told = await api.get(path, 422, **asked)
    assert named in str(told)
    assert "available_counts" not in told


async def test_a_hold_is_shown_from_its_beginning_to_its_end(api: Api) -> None:
    held, freed = uuid4(), uuid4()
    await api.tell(hold(held, wish(1), wish(2)), hold(freed))
    found = await api.get(f"/holds/{held}")
    assert (found["state"], found["property_id"], len(found["rooms"])) == ("held", "las-hojas", 2)
    assert (found["check_in"], found["check_out"]) == (NIGHT["check_in"], NIGHT["check_out"])
    codes = {room: f"HR{number}" for number, room in enumerate(found["rooms"])}
    await api.tell(
        BookRooms(booking_id=held, property_id="las-hojas", codes=codes),
        ReleaseRooms(booking_id=freed, property_id="las-hojas"),
    )
    assert (await api.get(f"/holds/{held}"))["state"] == "booked"
    assert (await api.get(f"/holds/{freed}"))["state"] == "released"


async def test_a_booking_that_holds_nothing_is_not_found(api: Api) -> None:
    unknown = uuid4()
    assert str(unknown) in (await api.get(f"/holds/{unknown}", 404))["detail"]


@pytest.mark.parametrize("path", [COUNTS, f"/holds/{UUID(int=7)}"])
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", f"Basic {TOKEN}", "Bearer é"])
async def test_only_who_shows_the_token_is_answered(api: Api, path: str, given: str | None) -> None:
    headers = {"Authorization": (given or "").encode()}
    answer = await api.client.get(path, params=NIGHT, headers=headers)
    assert answer.status_code == 401
    assert "API token" in answer.json()["detail"]
    assert TOKEN not in answer.text


async def test_health_and_metrics_need_no_token(api: Api) -> None:
    for path, status in (("/health/live", 200), ("/health/ready", 503), ("/metrics", 200)):
        answer = await api.client.get(path, headers={"Authorization": ""})
        assert answer.status_code == status


@pytest.mark.parametrize("path", [COUNTS, f"/holds/{UUID(int=7)}"])
async def test_a_database_that_is_away_is_an_error_and_never_zeros(api: Api, line: Line, path: str) -> None:
    good = 404 if "holds" in path else 200
    await api.get(path, good, **NIGHT)
    await line.cut()
    for _ in range(3):
        told = await api.get(path, 503, **NIGHT)
        assert "ask again" in told["detail"]
        assert "available_counts" not in told
    await line.mend()
    await api.get(path, good, **NIGHT)
