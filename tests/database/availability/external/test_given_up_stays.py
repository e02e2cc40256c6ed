"""Single rooms of a booking that an external system keeps: cancelled there, or told to staff; the others stay."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.availability.catalogue.repository import CatalogueRepository
from shared.contracts.availability import GiveUpStays, OrderedRoom, RoomsOrdered, StaysGivenUp
from shared.contracts.notifications import StaffAlerted
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import wish
from tests.support.doubles.external_availability import Outside, connect, held, order
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK

pytestmark = pytest.mark.real


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms(rooms=("18", "19", "20"), places=2)) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["cancels", "cannot cancel"])
async def outside(service: Availability, fake_pms: FakePms, request: pytest.FixtureRequest) -> Outside:
    records = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
    await connect(records, fake_pms, cancels=request.param)
    return Outside(service, records)


async def nights_of(outside: Outside) -> set[str]:
    async with outside.service.database.connection() as connection:
        return {row["room"] for row in await connection.fetch("SELECT room FROM room_nights")}


async def test_one_of_two_rooms_is_given_up(
    outside: Outside, fake_pms: FakePms, request: pytest.FixtureRequest
) -> None:
    found = await held(outside, wish(1), wish(2))
    (ordered,) = await outside.tell(order(found))
    assert isinstance(ordered, RoomsOrdered)
    gone, kept = ordered.rooms
    answers = await outside.tell(given_up(found.booking_id, gone))
    assert [answer.change for answer in answers if isinstance(answer, StaysGivenUp)] == [1]
    assert await nights_of(outside) == {kept.room}
    alerts = [answer for answer in answers if isinstance(answer, StaffAlerted)]
    if "cannot" in request.node.callspec.id:
        assert [alert.details["codes"] for alert in alerts] == [[gone.code]]
    else:
        assert not alerts
        assert len(fake_pms.reservations()) == 1
    again = await outside.tell(given_up(found.booking_id, gone))
    assert StaysGivenUp in map(type, again)
    assert await nights_of(outside) == {kept.room}


def given_up(booking_id: object, room: OrderedRoom) -> GiveUpStays:
    facts = {"booking_id": booking_id, "property_id": "las-hojas", "change": 1, "stays": {room.room: room.code}}
    return GiveUpStays.model_validate(facts)
