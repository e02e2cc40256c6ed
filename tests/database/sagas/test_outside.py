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
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import message_of
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Hop, InMemoryCluster, cluster_of
from tests.support.sagas.step_faults import faults_of
from tests.support.sagas.storm import Case, How, cases, good_end
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
ROOMS = ("18", "19", "20", "21")


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms(rooms=ROOMS)) as running:
        yield running


@pytest.fixture
async def cluster(fresh_database: FreshDatabase, fake_pms: FakePms) -> AsyncIterator[InMemoryCluster]:
    """The five services; availability's property is the external system's."""
    async with cluster_of({service: fresh_database(service) for service in SERVICES}) as cluster:
        await connect(cluster, fake_pms)
        yield cluster


async def connect(cluster: InMemoryCluster, fake_pms: FakePms, *, cancels: bool = True) -> None:
    record = OutsideRecord.model_validate(
        {"property_id": "las-hojas", "base_url": fake_pms.url, "prefix": "PM", "cancels": cancels, "pause_seconds": 0}
    )
    await CatalogueRepository(cluster.services["availability"].database, allowed=LOOPBACK).put(record, cluster.clock())


async def book(cluster: InMemoryCluster, **more: Any) -> Any:
    """Publish a request for three Junior rooms and make the external calls as they come; gives the outcome."""
    await cluster.publish(transfer_for(), request(**more))
    running = cluster.services["availability"]
    database, clock = running.database, cluster.clock
    clients = ExternalClients(CatalogueRepository(database), ExternalClientSettings(allowed=LOOPBACK), clock)
    jobs = external_runner(database, Repository(), clients, clock=clock)
    for _ in range(400):
        await cluster.run(until=cluster.clock())
        ran = await jobs.run_due(running.relay)
        for row in running.office.taken():
            cluster._send(row)
        if ran or cluster.on_its_way:
            continue
        moment = await cluster._next_moment()
        if moment is None:
            break
        await cluster.run(until=max(moment, cluster.clock()))
    (outcome,) = cluster.outcomes(booking_id_of("r1"))
    return message_of(outcome)


async def test_what_cannot_be_cancelled_is_raised_to_staff_with_all_its_codes(
    cluster: InMemoryCluster, fake_pms: FakePms
) -> None:
    await connect(cluster, fake_pms, cancels=False)
    fake_pms.rooms = ROOMS[:3]
    fake_pms.snatch_third = True
    outcome = await book(cluster)
    assert isinstance(outcome, BookingFailed)
    codes = {f"PM{number}" for number in fake_pms.reservations()}
    assert len(codes) == 2
    assert any(codes == set(alert.details["codes"]) for alert in cluster.messages(StaffAlerted))


async def test_best_effort_books_what_the_desk_lets_us_have_and_charges_only_that(
    cluster: InMemoryCluster, fake_pms: FakePms
) -> None:
    fake_pms.rooms = ROOMS[:3]
    fake_pms.snatch_third = True
    outcome = await book(cluster, policy="best_effort")
    assert isinstance(outcome, BookingConfirmed)
    assert [room.line for room in outcome.rooms] == [1, 2]
    assert [(room.line, room.reason) for room in outcome.missed] == [(3, "room_failed")]
    assert outcome.total == Decimal("517.50")
    assert "No fue posible reservar 1 de las habitaciones" in outcome.text
    assert {room.code for room in outcome.rooms} == {f"PM{number}" for number in fake_pms.reservations()}
    (payment,) = await cluster.ask("payments", "SELECT amount, reserved, captured FROM payments")
    assert tuple(payment.values()) == (Decimal("690.00"), 0, Decimal("517.50"))
    await check_at_rest(cluster)


async def test_best_effort_without_any_room_is_a_failure(cluster: InMemoryCluster, fake_pms: FakePms) -> None:
    fake_pms.snatches_all = True
    outcome = await book(cluster, policy="best_effort")
    assert isinstance(outcome, BookingFailed)
    assert fake_pms.reservations() == {}
    await check_at_rest(cluster)


ORDER = BOOKING_REQUEST.step("order rooms")
OUTSIDE = SimpleNamespace(freed=False, outside=True)
ORDERING = [case for case in cases(BOOKING_REQUEST, OUTSIDE) if case.step == ORDER.name and case.how is not How.REFUSED]


@pytest.mark.parametrize("case", ORDERING, ids=str)
async def test_ordering_rooms_weathers(cluster: InMemoryCluster, fake_pms: FakePms, case: Case) -> None:
    does = Hop("availability", (CancelOrders if case.undoing else OrderRooms).type_name)
    cluster.faults = faults_of(ORDER, case, does, ORDER)
    outcome = await book(cluster)
    assert all(fault.struck for fault in cluster.faults), f"did not come about: {cluster.faults}"
    assert isinstance(outcome, BookingConfirmed) is good_end(BOOKING_REQUEST, case)
    assert len(fake_pms.reservations()) == (3 if good_end(BOOKING_REQUEST, case) else 0)
    await check_at_rest(cluster)
