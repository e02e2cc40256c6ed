"""A property whose rooms another system keeps: counted, held, ordered and cancelled there, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external.jobs import LIMITS, external_runner
from services.availability.settings import Settings
from services.availability.stay import Stay
from shared.contracts.availability import (
    CancelOrders,
    CountAnswered,
    CountRequested,
    OrdersCancelled,
    ReleaseRooms,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
)
from shared.contracts.notifications import StaffAlerted
from shared.database.pool import Database
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.cluster.gateway import wait_for
from tests.support.doubles.external_availability import DATES, Outside, connect, held, order
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK

pytestmark = pytest.mark.real


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms(rooms=("18", "19", "20", "1A", "elevator"), places=2)) as running:
        yield running


@pytest.fixture
async def outside(service: Availability, fake_pms: FakePms) -> Outside:
    records = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
    await connect(records, fake_pms)
    return Outside(service, records)


def count(**more: Any) -> CountRequested:
    return CountRequested.model_validate({"request_id": "c1", **DATES} | more)


async def counted(outside: Outside) -> dict[str, int]:
    (answer,) = await outside.tell(count())
    assert isinstance(answer, CountAnswered)
    assert answer.success, answer
    return {key: number for key, number in answer.available_counts.items() if number}


async def rooms_of(outside: Outside, booking_id: UUID) -> set[str]:
    async with outside.service.database.connection() as connection:
        rows = await connection.fetch("SELECT room FROM room_nights WHERE booking_id = $1", booking_id)
    return {row["room"] for row in rows}


async def test_after_a_fault_jobs_go_on_with_clients_of_their_own(outside: Outside) -> None:
    stay = Stay(CHECK_IN, CHECK_IN + timedelta(days=1))
    before = await outside.clients.free_rooms("las-hojas", stay)
    running = asyncio.create_task(outside.jobs.run(outside.service.relay))
    await asyncio.sleep(0)
    running.cancel()  # as a fault does, it ends the work and closes what was open
    await asyncio.gather(running, return_exceptions=True)
    assert await outside.clients.free_rooms("las-hojas", stay) == before


async def test_a_lease_is_renewed_while_the_system_takes_its_time(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = replace(LIMITS, renewals=6000)
    outside.jobs = external_runner(
        outside.service.database, outside.service.repository, outside.clients, clock=outside.service.clock, limits=often
    )
    free_rooms = outside.clients.free_rooms

    async def slow(property_id: str, stay: Stay) -> Any:
        outside.service.clock.forward(LIMITS.lease / 2)
        await wait_for(renewed, what="the lease to be renewed", timeout_s=30)
        return await free_rooms(property_id, stay)

    async def renewed() -> bool:
        async with outside.service.database.connection() as connection:
            until = await connection.fetchval("SELECT leased_until FROM outside_errands")
        return bool(until == outside.service.clock() + LIMITS.lease)

    monkeypatch.setattr(outside.clients, "free_rooms", slow)
    assert await counted(outside) == {"bungalow_junior": 3, "habitacion": 1, "pasadia": 2}


async def test_what_it_calls_free_less_what_we_hold(outside: Outside) -> None:
    assert await counted(outside) == {"bungalow_junior": 3, "habitacion": 1, "pasadia": 2}
    found = await held(outside, wish(1), wish(2))
    assert found.outside
    assert {room.room for room in found.rooms} < {"18", "19", "20"}
    await held(outside, wish(1, "Pasadía", adults=1), package="Pasadía")
    assert await counted(outside) == {"bungalow_junior": 1, "habitacion": 1, "pasadia": 1}
    (short,) = await outside.tell(hold(uuid4(), wish(1), wish(2)))
    assert isinstance(short, RoomsNotHeld)
    assert short.refusal.reason == "not_enough_rooms"


async def test_away_is_an_error_answer(outside: Outside, fake_pms: FakePms) -> None:
    fake_pms.misses_info = True
    (answer,) = await outside.tell(count())
    assert isinstance(answer, CountAnswered)
    assert (answer.success, answer.available_counts) == (False, {})
    assert answer.error
    assert answer.error.reason == "inventory_away"
    (not_held,) = await outside.tell(hold(uuid4()))
    assert isinstance(not_held, RoomsNotHeld)
    assert not_held.refusal.reason == "inventory_away"


async def test_over_http_too(outside: Outside, fake_pms: FakePms) -> None:
    url = outside.service.database._url
    built = build(Settings(database_url=url), outside.service.clock)
    await built.database.open()
    async with AsyncClient(transport=ASGITransport(built.app()), base_url="http://availability") as client:
        dates = {name: day.isoformat() for name, day in DATES.items()}
        answer = await client.get("/properties/las-hojas/availability", params=dates)
        assert answer.json()["available_counts"]["bungalow_junior"] == 3
        assert answer.json()["available_counts"]["pasadia"] == 2
        await held(outside, wish(1, "Pasadía", adults=1), package="Pasadía")
        answer = await client.get("/properties/las-hojas/availability", params=dates)
        assert answer.json()["available_counts"]["pasadia"] == 1
        fake_pms.fails = 1
        assert (await client.get("/properties/las-hojas/availability", params=dates)).status_code == 503
    await built.database.close()


async def test_the_rooms_are_ordered_and_the_ones_got_are_told(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2))
    lost = found.rooms[0].room
    fake_pms.snatches = {lost}
    (ordered,) = await outside.tell(order(found))
    assert isinstance(ordered, RoomsOrdered)
    got = {room.room for room in ordered.rooms}
    assert lost not in got
    assert await rooms_of(outside, found.booking_id) == got
    assert set(fake_pms.reservations()) == {room.code.removeprefix("HR") for room in ordered.rooms}
    (again,) = await outside.tell(order(found))
    assert again == ordered
    assert len(fake_pms.reservations()) == 2


async def test_one_that_fails_for_good_undoes_the_others(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2), wish(3))
    fake_pms.snatches = {found.rooms[2].room}
    (refused,) = await outside.tell(order(found))
    assert isinstance(refused, RoomsNotOrdered)
    assert (refused.refusal.reason, refused.refusal.details["room"]) == ("room_failed", 3)
    assert fake_pms.reservations() == {}


async def test_what_is_undone_later_is_cancelled_and_stays_so(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2))
    await outside.tell(order(found))
    undo = CancelOrders(booking_id=found.booking_id, property_id="las-hojas")
    release = ReleaseRooms(booking_id=found.booking_id, property_id="las-hojas")
    answers = await outside.tell(undo, release)
    assert OrdersCancelled in map(type, answers)
    assert fake_pms.reservations() == {}
    assert await rooms_of(outside, found.booking_id) == set()
    (again,) = await outside.tell(undo)
    assert isinstance(again, OrdersCancelled)
    (late,) = await outside.tell(order(found))
    assert isinstance(late, RoomsNotOrdered)


async def test_an_order_and_its_undo_in_one_batch_leave_nothing(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1))
    undo = CancelOrders(booking_id=found.booking_id, property_id="las-hojas")
    release = ReleaseRooms(booking_id=found.booking_id, property_id="las-hojas")
    await outside.tell(order(found), undo, release)
    assert fake_pms.reservations() == {}
    assert await rooms_of(outside, found.booking_id) == set()


async def test_what_it_cannot_cancel_is_told_to_staff(outside: Outside, fake_pms: FakePms, database: Database) -> None:
    await connect(
        CatalogueRepository(database, edited=outside.service.repository.forget, allowed=LOOPBACK),
        fake_pms,
        cancels=False,
    )
    found = await held(outside, wish(1), wish(2))
    (ordered,) = await outside.tell(order(found))
    assert isinstance(ordered, RoomsOrdered)
    answers = await outside.tell(CancelOrders(booking_id=found.booking_id, property_id="las-hojas"))
    (alert,) = [one for one in answers if isinstance(one, StaffAlerted)]
    assert set(alert.details["codes"]) == {room.code for room in ordered.rooms}
    assert all(room.code in alert.text for room in ordered.rooms)


async def test_a_call_that_a_crash_cut_short_is_run_again(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2))
    await outside.service.tell(order(found))
    async with outside.service.database.connection() as connection:
        leased = "UPDATE outside_errands SET leased_until = $1"
        await connection.execute(leased, outside.service.clock() + timedelta(seconds=60))
    assert await outside.jobs.run_due(outside.service.relay) == 0
    outside.service.clock.forward(timedelta(seconds=61))
    assert await outside.jobs.run_due(outside.service.relay) == 1
    assert len(fake_pms.reservations()) == 2


async def test_it_is_shown_the_token_that_the_settings_have(
    service: Availability, fake_pms: FakePms, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pms.token = "a token of the hotel's system"  # noqa: S105
    records = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
    await connect(records, fake_pms)
    (stranger,) = await Outside(service, records).tell(CountRequested(request_id="c1", **DATES))
    assert (stranger.success, stranger.error.reason) == (False, "inventory_away")
    monkeypatch.setenv("POSADA_OUTSIDE_TOKENS", json.dumps({"las-hojas": fake_pms.token}))
    settings = Settings()
    assert fake_pms.token not in repr(settings) + repr(settings.external_clients())
    (known,) = await Outside(service, records, settings).tell(CountRequested(request_id="c2", **DATES))
    assert known.success


async def test_how_long_it_is_left_alone_is_a_setting(service: Availability, fake_pms: FakePms) -> None:
    records = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
    await connect(records, fake_pms)
    outside = Outside(service, records, Settings(outside_failures=2, outside_rest_seconds=3600))
    fake_pms.fails = 2
    for number in range(3):
        await outside.tell(CountRequested(request_id=f"c{number}", **DATES))
    assert len(fake_pms.calls) == 2, "the third was not even asked"
    patient = Outside(service, records, Settings(outside_failures=50))
    fake_pms.fails, fake_pms.calls = 3, []
    answers = [await patient.tell(CountRequested(request_id=f"d{number}", **DATES)) for number in range(4)]
    assert len(fake_pms.calls) == 4
    assert [answer.success for (answer,) in answers] == [False, False, False, True]
