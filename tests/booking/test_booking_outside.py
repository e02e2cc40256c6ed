"""Scenarios 5 and 6 of page 2, through all services: the rooms are in another system, whose desk takes them too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.availability.domain.catalogue import OutsideRecord
from services.availability.errands import Errands
from services.availability.records import Records
from services.availability.repository import Repository
from shared.contracts.availability import OrderRooms
from shared.contracts.booking import BookingConfirmed, BookingFailed, booking_id_of
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import CapturePayment
from shared.contracts.topics import SERVICES
from tests.support.builders import request, transfer_for
from tests.support.databases import FreshDatabase
from tests.support.desk import Desk, serving
from tests.support.invariants import check_invariants
from tests.support.post_office import message_of
from tests.support.village import Village, village_of

pytestmark = pytest.mark.real
ROOMS = ("18", "19", "20", "21")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serving(Desk(rooms=ROOMS)) as running:
        yield running


@pytest.fixture
async def village(fresh_database: FreshDatabase, desk: Desk) -> AsyncIterator[Village]:
    """The five services; availability's property is the desk's."""
    async with village_of({service: fresh_database(service) for service in SERVICES}) as village:
        await connect(village, desk)
        yield village


async def connect(village: Village, desk: Desk, *, cancels: bool = True) -> None:
    record = OutsideRecord.model_validate(
        {"property_id": "las-hojas", "base_url": desk.url, "prefix": "PM", "cancels": cancels, "pause_seconds": 0}
    )
    await Records(village.residents["availability"].database).put(record, village.clock())


async def book(village: Village) -> Any:
    """Publish a request for three Junior rooms and run errands as they come; gives the outcome."""
    await village.publish(transfer_for(), request())
    resident = village.residents["availability"]
    errands = Errands(resident.database, Repository(), Records(resident.database), village.clock)
    began = village.clock()
    for _ in range(20):
        await village.run(until=began + timedelta(seconds=20))
        ran = await errands.turn(resident.relay)
        for row in resident.office.taken():
            village._send(row)
        if not ran and not village.on_its_way:
            break
    await village.run()
    (outcome,) = village.outcomes(booking_id_of("r1"))
    return message_of(outcome)


async def test_5_the_room_that_was_got_is_reported(village: Village, desk: Desk) -> None:
    desk.snatches = {"18"}
    outcome = await book(village)
    assert isinstance(outcome, BookingConfirmed)
    assert {room.room for room in outcome.rooms} == {"19", "20", "21"}
    assert {room.code for room in outcome.rooms} == {f"PM{number}" for number in desk.reservations()}
    (capture, *_) = village.messages(CapturePayment)
    assert set(capture.codes) == {room.code for room in outcome.rooms}
    await check_invariants(village)


async def test_6_an_outside_call_fails_twice_and_then_succeeds(village: Village, desk: Desk) -> None:
    desk.rooms = (*ROOMS, "23", "24", "25")

    def break_two() -> None:
        desk.fails = 2

    desk.before_booking = break_two
    outcome = await book(village)
    assert isinstance(outcome, BookingConfirmed)
    assert len({room.room for room in outcome.rooms}) == 3
    assert "see whether" in village.messages(StaffAlerted)[0].text


async def test_6_the_third_of_three_fails_for_good(village: Village, desk: Desk) -> None:
    desk.rooms = ROOMS[:3]
    desk.snatch_third = True
    outcome = await book(village)
    assert isinstance(outcome, BookingFailed)
    assert (outcome.refusal.reason, outcome.refusal.details["room"]) == ("room_failed", 3)
    assert desk.reservations() == {}
    assert len(village.messages(OrderRooms)) == 1
    (payment,) = await village.ask("payments", "SELECT reserved, captured FROM payments")
    assert (payment["reserved"], payment["captured"]) == (0, 0)
    assert await village.ask("availability", "SELECT 1 FROM room_nights") == []
    await check_invariants(village)


async def test_what_cannot_be_cancelled_is_raised_to_staff_with_all_its_codes(village: Village, desk: Desk) -> None:
    await connect(village, desk, cancels=False)
    desk.rooms = ROOMS[:3]
    desk.snatch_third = True
    outcome = await book(village)
    assert isinstance(outcome, BookingFailed)
    codes = {f"PM{number}" for number in desk.reservations()}
    assert len(codes) == 2
    assert any(codes == set(alert.details["codes"]) for alert in village.messages(StaffAlerted))
