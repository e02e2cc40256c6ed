"""A booking whose rooms are in another system, through all services: what cannot be undone there is told to staff."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.availability.catalogue.model import OutsideRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external.adapters.settings import ExternalClientSettings
from services.availability.external.clients import ExternalClients
from services.availability.external.jobs import external_runner
from services.availability.repository import Repository
from services.booking.requests.saga.table import BOOKING_REQUEST
from shared.contracts.availability import CancelOrders, OrderRooms
from shared.contracts.booking import BookingConfirmed, BookingFailed, booking_id_of
from shared.contracts.notifications import StaffAlerted
from shared.contracts.topics import SERVICES
from tests.support.builders.bookings import request, transfer_for
from tests.support.doubles.fake_pms import Desk, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import message_of
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Hop, Village, village_of
from tests.support.sagas.step_faults import faults_of
from tests.support.sagas.storm import Case, How, cases, good_end
from tests.support.servers.databases import FreshDatabase

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
    await CatalogueRepository(village.residents["availability"].database, allowed=LOOPBACK).put(record, village.clock())


async def book(village: Village, **more: Any) -> Any:
    """Publish a request for three Junior rooms and make the calls to the desk as they come; gives the outcome."""
    await village.publish(transfer_for(), request(**more))
    resident = village.residents["availability"]
    database, clock = resident.database, village.clock
    clients = ExternalClients(CatalogueRepository(database), ExternalClientSettings(allowed=LOOPBACK), clock)
    jobs = external_runner(database, Repository(), clients, clock=clock)
    for _ in range(400):
        await village.run(until=village.clock())
        ran = await jobs.run_due(resident.relay)
        for row in resident.office.taken():
            village._send(row)
        if ran or village.on_its_way:
            continue
        moment = await village._next_moment()
        if moment is None:
            break
        await village.run(until=max(moment, village.clock()))
    (outcome,) = village.outcomes(booking_id_of("r1"))
    return message_of(outcome)


async def test_what_cannot_be_cancelled_is_raised_to_staff_with_all_its_codes(village: Village, desk: Desk) -> None:
    await connect(village, desk, cancels=False)
    desk.rooms = ROOMS[:3]
    desk.snatch_third = True
    outcome = await book(village)
    assert isinstance(outcome, BookingFailed)
    codes = {f"PM{number}" for number in desk.reservations()}
    assert len(codes) == 2
    assert any(codes == set(alert.details["codes"]) for alert in village.messages(StaffAlerted))


async def test_best_effort_books_what_the_desk_lets_us_have_and_charges_only_that(village: Village, desk: Desk) -> None:
    desk.rooms = ROOMS[:3]
    desk.snatch_third = True
    outcome = await book(village, policy="best_effort")
    assert isinstance(outcome, BookingConfirmed)
    assert [room.line for room in outcome.rooms] == [1, 2]
    assert [(room.line, room.reason) for room in outcome.missed] == [(3, "room_failed")]
    assert outcome.total == Decimal("517.50")
    assert "No fue posible reservar 1 de las habitaciones" in outcome.text
    assert {room.code for room in outcome.rooms} == {f"PM{number}" for number in desk.reservations()}
    (payment,) = await village.ask("payments", "SELECT amount, reserved, captured FROM payments")
    assert tuple(payment.values()) == (Decimal("690.00"), 0, Decimal("517.50"))
    await check_at_rest(village)


async def test_best_effort_without_any_room_is_a_failure(village: Village, desk: Desk) -> None:
    desk.snatches_all = True
    outcome = await book(village, policy="best_effort")
    assert isinstance(outcome, BookingFailed)
    assert desk.reservations() == {}
    await check_at_rest(village)


ORDER = BOOKING_REQUEST.step("order rooms")
OUTSIDE = SimpleNamespace(freed=False, outside=True)
ORDERING = [case for case in cases(BOOKING_REQUEST, OUTSIDE) if case.step == ORDER.name and case.how is not How.REFUSED]


@pytest.mark.parametrize("case", ORDERING, ids=str)
async def test_ordering_rooms_weathers(village: Village, desk: Desk, case: Case) -> None:
    does = Hop("availability", (CancelOrders if case.undoing else OrderRooms).type_name)
    village.faults = faults_of(ORDER, case, does, ORDER)
    outcome = await book(village)
    assert all(fault.struck for fault in village.faults), f"did not come about: {village.faults}"
    assert isinstance(outcome, BookingConfirmed) is good_end(BOOKING_REQUEST, case)
    assert len(desk.reservations()) == (3 if good_end(BOOKING_REQUEST, case) else 0)
    await check_at_rest(village)
