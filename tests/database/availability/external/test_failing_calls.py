"""Calls that fail: tried again a bounded number of times, answered in the end, and in nobody else's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.catalogue.model import PropertyRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external.jobs import RETRIES
from services.availability.settings import Settings
from shared.contracts.availability import (
    CancelOrders,
    CountAnswered,
    CountRequested,
    OrdersCancelled,
    ReleaseRooms,
    RoomsNotOrdered,
)
from shared.contracts.notifications import StaffAlerted
from shared.errors import Refusal
from shared.messages.message import Message
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import wish
from tests.support.doubles.external_availability import DATES, Outside, connect, held, order
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import START

pytestmark = pytest.mark.real
TOKEN = "a token for these tests, a long one"  # noqa: S105


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms(rooms=("18", "19", "20"))) as running:
        yield running


@pytest.fixture
def records(service: Availability) -> CatalogueRepository:
    return CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)


@pytest.fixture
async def outside(service: Availability, records: CatalogueRepository, fake_pms: FakePms) -> Outside:
    await connect(records, fake_pms)
    return Outside(service, records)


async def to_the_end(outside: Outside, *messages: Message) -> list[Message]:
    """What is answered when every pause has passed."""
    answers = await outside.tell(*messages)
    for pause in RETRIES.pauses:
        outside.service.clock.forward(pause)
        answers += await outside.tell()
    return answers


async def jobs_left(outside: Outside) -> int:
    async with outside.service.database.connection() as connection:
        left: int = await connection.fetchval("SELECT count(*) FROM outside_errands")
    return left


async def lose_the_system(outside: Outside) -> None:
    """As an operator with SQL might: the catalogue itself refuses it."""
    async with outside.service.database.connection() as connection:
        await connection.execute("DELETE FROM outside_inventories")


async def test_an_order_that_can_never_be_made_is_answered_in_the_end(outside: Outside) -> None:
    found = await held(outside, wish(1), wish(2))
    await lose_the_system(outside)
    answers = await to_the_end(outside, order(found))
    (refused,) = [one for one in answers if isinstance(one, RoomsNotOrdered)]
    assert refused.refusal.reason == "room_failed"
    assert "no outside system" in refused.refusal.details["problem"]
    await to_the_end(outside)  # nothing was booked there: undoing it needs nobody
    assert await jobs_left(outside) == 0


async def test_a_cancellation_that_fails_is_tried_again(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2))
    await outside.tell(order(found))
    fake_pms.fails = RETRIES.attempts - 2
    undo = CancelOrders(booking_id=found.booking_id, property_id="las-hojas")
    answers = await to_the_end(outside, undo)
    assert [type(one) for one in answers] == [OrdersCancelled]
    assert fake_pms.reservations() == {}


async def test_one_that_fails_too_often_is_staff_s_until_it_is_tried_again(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1), wish(2))
    (ordered,) = await outside.tell(order(found))
    fake_pms.refuses["cancelBooking"] = 409
    undo = CancelOrders(booking_id=found.booking_id, property_id="las-hojas")
    answers = await to_the_end(outside, undo)
    assert OrdersCancelled in map(type, answers), "the booking goes on"
    (alert,) = [one for one in answers if isinstance(one, StaffAlerted)]
    assert alert.details["property_id"] == "las-hojas"
    assert set(alert.details["codes"]) == {room.code for room in ordered.rooms}  # type: ignore[attr-defined]
    assert f"posada rooms retry {found.booking_id}" in alert.text
    assert await to_the_end(outside) == [], "nobody tries it for ever"
    fake_pms.refuses.clear()
    async with client_of(outside) as client:
        (told,) = (await client.get("/outside-errands")).json()
        assert (told["booking_id"], told["property_id"]) == (str(found.booking_id), "las-hojas")
        assert "409" in told["problem"]
        assert (await client.post(f"/outside-errands/{found.booking_id}/retry")).status_code == 200
        assert (await client.post(f"/outside-errands/{uuid4()}/retry")).status_code == 404
        await outside.tell()
        assert fake_pms.reservations() == {}
        assert (await client.get("/outside-errands")).json() == []


async def test_what_an_order_could_not_undo_is_tried_again_before_staff_is_told(
    outside: Outside, fake_pms: FakePms
) -> None:
    found = await held(outside, wish(1), wish(2), wish(3))
    fake_pms.snatches = {found.rooms[2].room}
    fake_pms.refuses["cancelBooking"] = 500
    (refused,) = await outside.tell(order(found))
    assert isinstance(refused, RoomsNotOrdered)
    assert len(fake_pms.reservations()) == 2
    fake_pms.refuses.clear()
    assert [type(one) for one in await to_the_end(outside)] == [OrdersCancelled]
    assert fake_pms.reservations() == {}


async def test_a_process_that_dies_each_time_is_an_attempt_too(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1))
    await outside.service.tell(order(found))
    async with outside.service.database.connection() as connection:
        await connection.execute("UPDATE outside_errands SET attempts = $1", RETRIES.attempts)
    (refused, *_) = await outside.tell()
    assert isinstance(refused, RoomsNotOrdered)
    assert "not ended" in refused.refusal.details["problem"]
    assert fake_pms.reservations() == {}


async def test_one_that_fails_stops_no_other(outside: Outside, fake_pms: FakePms) -> None:
    found = await held(outside, wish(1))
    async with outside.service.database.connection() as connection:
        broken = (
            "INSERT INTO outside_errands (id, booking_id, kind, property_id, body) VALUES ($1, $1, 'order', $2, '{}')"
        )
        await connection.execute(broken, uuid4(), "las-hojas")
    await outside.tell(order(found))
    assert len(fake_pms.reservations()) == 1
    await to_the_end(outside)
    assert await jobs_left(outside) == 1, "one that cannot even be read waits for a person"


async def test_a_system_that_is_slow_holds_up_no_other(
    service: Availability, records: CatalogueRepository, fake_pms: FakePms
) -> None:
    async with serving(FakePms(rooms=("1",), hangs=100)) as slow:
        facts = {"name": "Far Away", "timezone": "UTC", "currency": "USD", "tax_rate": 0, "hold_minutes": 15}
        more = {"property_id": "far-away", "prices_include_tax": True}
        await records.put(PropertyRecord.model_validate(facts | more), START)
        await connect(records, slow, property_id="far-away")
        await connect(records, fake_pms)
        outside = Outside(service, records)
        asked = [CountRequested(request_id=f"slow {n}", property_id="far-away", **DATES) for n in range(60)]
        await service.tell(*asked, CountRequested(request_id="quick", property_id="las-hojas", **DATES))
        running = asyncio.create_task(outside.jobs.run(service.relay))
        try:
            async with asyncio.timeout(20):
                while not service.office.rows:  # noqa: ASYNC110 — it tells nobody
                    await asyncio.sleep(0.02)
            assert slow.hangs > 100 - 60, "not all of them are asked at once"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_system_that_bookings_need_stays(
    outside: Outside, records: CatalogueRepository, fake_pms: FakePms
) -> None:
    found = await held(outside, wish(1))
    for _ in ("held", "booked"):
        with pytest.raises(Refusal, match=str(found.booking_id)) as refused:
            await records.remove("outside", ("las-hojas",), START)
        assert refused.value.code == "in_use"
        with pytest.raises(Refusal, match="prefix"):
            await connect(records, fake_pms, prefix="XX")
        await outside.tell(order(found))
    await connect(records, fake_pms, seconds=5)  # nothing that a booking needs
    undo = CancelOrders(booking_id=found.booking_id, property_id="las-hojas")
    await outside.service.tell(ReleaseRooms(booking_id=found.booking_id, property_id="las-hojas"), undo)
    with pytest.raises(Refusal, match=str(found.booking_id)):
        await records.remove("outside", ("las-hojas",), START)
    await outside.tell()
    assert await records.remove("outside", ("las-hojas",), START)


async def test_after_their_stay_bookings_need_it_no_longer(outside: Outside, records: CatalogueRepository) -> None:
    found = await held(outside, wish(1))
    await outside.tell(order(found))
    assert await records.remove("outside", ("las-hojas",), START + timedelta(days=400))


async def test_which_type_a_number_is_of_is_the_catalogue_s(
    outside: Outside, records: CatalogueRepository, fake_pms: FakePms
) -> None:
    """Also where a property calls its types otherwise than the reference one."""
    async with outside.service.database.connection() as connection:
        for before, after in (("habitacion", "cabin"), ("pasadia", "visit")):
            copied = "INSERT INTO room_types SELECT (jsonb_populate_record(t, $2)).* FROM room_types t WHERE key = $1"
            await connection.execute(copied, before, {"key": after})
            await connection.execute("UPDATE rooms SET type_key = $2 WHERE type_key = $1", before, after)
            await connection.execute("DELETE FROM room_types WHERE key = $1", before)
    outside.service.repository.forget()
    fake_pms.rooms, fake_pms.places = ("18", "1A"), 2
    (answer,) = await outside.tell(CountRequested(request_id="c1", **DATES))
    assert isinstance(answer, CountAnswered)
    free = {key: number for key, number in answer.available_counts.items() if number}
    assert free == {"bungalow_junior": 1, "cabin": 1, "visit": 2}


@asynccontextmanager
async def client_of(outside: Outside) -> AsyncIterator[AsyncClient]:
    built = build(Settings(database_url=outside.service.database._url, api_token=TOKEN), outside.service.clock)
    await built.database.open()
    transport, headers = ASGITransport(built.app()), {"Authorization": f"Bearer {TOKEN}"}
    async with AsyncClient(transport=transport, base_url="http://availability", headers=headers) as client:
        yield client
    await built.database.close()
