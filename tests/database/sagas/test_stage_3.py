"""The last stage of the search for money, through all services: rooms are kept, or freed and held again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.booking.requests.saga.table import BOOKING_REQUEST
from shared.contracts.availability import FreeRooms, HoldRooms, ReleaseRooms, RoomsFreed
from shared.contracts.booking import (
    BookingConfirmed,
    BookingFailed,
    BookingRequested,
    PaymentSearchStarted,
    booking_id_of,
)
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import ReleasePayment
from shared.contracts.topics import SERVICES
from tests.support.builders.bookings import request, room, transfer_for
from tests.support.doubles.transport import message_of
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Fault, Hop, InMemoryCluster, cluster_of
from tests.support.sagas.step_faults import faults_of
from tests.support.sagas.storm import OF_ANY_STEP, Case, How, cases, good_end
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
THREE_OF_FIVE = [room(2, "Matrimonial")] * 3
NIGHTS = "SELECT DISTINCT room FROM room_nights WHERE booking_id = $1"
ID = booking_id_of("r1")


@pytest.fixture
async def cluster(fresh_database: FreshDatabase) -> AsyncIterator[InMemoryCluster]:
    """The five services; the property frees the rooms in stage 3."""
    terms = {"las-hojas": {"rooms_in_stage_3": "free"}}
    urls = {service: fresh_database(service) for service in SERVICES}
    async with cluster_of(urls, payments={"property_terms": terms}) as cluster:
        yield cluster


def asked(request_id: str = "r1") -> BookingRequested:
    """Three of the five Matrimonial rooms, 517.50."""
    payment = request(request_id).payment.model_copy(update={"amount": Decimal("517.50")})
    return request(request_id, rooms=THREE_OF_FIVE).model_copy(update={"payment": payment})


async def until_stage(cluster: InMemoryCluster, stage: int) -> None:
    """Ask for rooms whose money is not there, and let time pass until the search is in this stage."""
    await cluster.publish(asked())
    for _ in range(40):
        await cluster.run(until=cluster.clock() + timedelta(minutes=5))
        if stage in {search.stage for search in cluster.messages(PaymentSearchStarted)}:
            return
    raise AssertionError(f"the search never came to stage {stage}")


async def pay(cluster: InMemoryCluster, request_id: str = "r1") -> Any:
    """Let the money arrive and everything come to its end; gives the outcome."""
    await cluster.publish(transfer_for(request_id, "517.50"))
    await cluster.run()
    await check_at_rest(cluster)
    (outcome,) = cluster.outcomes(booking_id_of(request_id))
    return message_of(outcome)


async def rooms_of(cluster: InMemoryCluster, request_id: str = "r1") -> set[str]:
    return {row["room"] for row in await cluster.ask("availability", NIGHTS, booking_id_of(request_id))}


async def others_take(cluster: InMemoryCluster, rooms: int) -> set[str]:
    """Another guest books rooms of the type and has paid for them."""
    price = f"{rooms * 172.5:.2f}"
    payment = request("r2").payment.model_copy(update={"amount": Decimal(price)})
    wanted = request("r2", rooms=[room(2, "Matrimonial")] * rooms).model_copy(update={"payment": payment})
    await cluster.publish(transfer_for("r2", price), wanted)
    await cluster.run(until=cluster.clock() + timedelta(minutes=1))
    (outcome,) = cluster.outcomes(booking_id_of("r2"))
    assert isinstance(message_of(outcome), BookingConfirmed)
    return await rooms_of(cluster, "r2")


async def test_rooms_stay_held_through_two_stages_and_are_freed_in_the_third(cluster: InMemoryCluster) -> None:
    await until_stage(cluster, 2)
    held = await rooms_of(cluster)
    assert len(held) == 3
    assert cluster.messages(FreeRooms) == []
    await cluster.run(until=cluster.clock() + timedelta(hours=2))
    assert await rooms_of(cluster) == set()
    (freed,) = cluster.messages(RoomsFreed)
    assert set(freed.rooms) == held
    kept = {search.stage: search.rooms_kept for search in cluster.messages(PaymentSearchStarted)}
    assert kept == {1: True, 2: True, 3: False}
    assert "Ya no podemos mantener" in cluster.messages(PaymentSearchStarted)[-1].text


async def test_a_property_that_says_nothing_keeps_them(fresh_database: FreshDatabase) -> None:
    async with cluster_of({service: fresh_database(service) for service in SERVICES}) as cluster:
        await until_stage(cluster, 3)
        assert len(await rooms_of(cluster)) == 3
        assert isinstance(await pay(cluster), BookingConfirmed)
        assert len(cluster.messages(HoldRooms)) == 1


async def test_freed_rooms_are_held_again_when_the_money_comes(cluster: InMemoryCluster) -> None:
    await until_stage(cluster, 3)
    taken = await others_take(cluster, 2)
    outcome = await pay(cluster)
    assert isinstance(outcome, BookingConfirmed)
    assert outcome.payment_found_later
    assert {booked.room for booked in outcome.rooms} == {"22", "42", "47", "48", "53"} - taken
    assert (outcome.total, len({booked.code for booked in outcome.rooms})) == (Decimal("517.50"), 3)


async def test_the_price_is_the_one_that_was_paid_whatever_rates_say_now(cluster: InMemoryCluster) -> None:
    await until_stage(cluster, 3)
    await cluster.ask("availability", "UPDATE rates SET adult = adult * 2")
    outcome = await pay(cluster)
    assert isinstance(outcome, BookingConfirmed)
    assert sum(booked.amount for booked in outcome.rooms) == outcome.total == Decimal("517.50")


async def test_where_none_is_free_the_money_is_left_and_staff_is_told(cluster: InMemoryCluster) -> None:
    await until_stage(cluster, 3)
    await others_take(cluster, 3)
    outcome = await pay(cluster)
    assert isinstance(outcome, BookingFailed)
    assert outcome.refusal.reason == "rooms_gone"
    assert outcome.refusal.details["shortages"] == [{"type": "bungalow_matrimonial", "requested": 3, "available": 2}]
    assert "Su dinero sigue disponible" in outcome.text
    (alert,) = [alert for alert in cluster.messages(StaffAlerted) if alert.code == "rooms_gone"]
    assert alert.details["payment_id"]
    assert alert.details["total"] == "517.50"
    (payment,) = await cluster.ask("payments", "SELECT * FROM payments WHERE transfer_id = 'transfer r1'")
    assert (payment["reserved"], payment["captured"], payment["amount"]) == (0, 0, Decimal("517.50"))
    (row,) = await cluster.ask("booking", "SELECT confirmation_number FROM bookings WHERE id = $1", ID)
    assert row["confirmation_number"] is None


async def test_money_that_never_comes_ends_it_without_rooms_or_a_case_of_lost_rooms(cluster: InMemoryCluster) -> None:
    await until_stage(cluster, 3)
    await cluster.run()
    await check_at_rest(cluster)
    (outcome,) = cluster.outcomes(ID)
    assert message_of(outcome).refusal.reason == "payment_not_found"
    assert [alert.code for alert in cluster.messages(StaffAlerted)] == ["payment_not_found"]


HOLD_AGAIN = BOOKING_REQUEST.step("hold rooms again")
FREED = SimpleNamespace(freed=True, outside=False)
AGAIN = [case for case in cases(BOOKING_REQUEST, FREED) if case.step == HOLD_AGAIN.name and case.how is not How.REFUSED]


@pytest.mark.parametrize("how", OF_ANY_STEP)
async def test_the_command_to_free_the_rooms_weathers(cluster: InMemoryCluster, how: How) -> None:
    await until_stage(cluster, 2)
    cluster.faults = [Fault(Hop("availability", FreeRooms.type_name), how)]
    await cluster.run(until=cluster.clock() + timedelta(hours=2))
    assert isinstance(await pay(cluster), BookingConfirmed)
    assert cluster.faults[0].struck


@pytest.mark.parametrize("case", AGAIN, ids=str)
async def test_holding_them_again_weathers(cluster: InMemoryCluster, case: Case) -> None:
    await until_stage(cluster, 3)
    does = Hop("availability", (FreeRooms if case.undoing else HoldRooms).type_name)
    cluster.faults = faults_of(HOLD_AGAIN, case, does, HOLD_AGAIN)
    outcome = await pay(cluster)
    assert all(fault.struck for fault in cluster.faults), f"did not come about: {cluster.faults}"
    if good_end(BOOKING_REQUEST, case):
        assert isinstance(outcome, BookingConfirmed)
        return
    assert isinstance(outcome, BookingFailed)
    assert {alert.code for alert in cluster.messages(StaffAlerted)} == {"rooms_gone"}
    if not case.undoing:  # an undo that fails is repeated, and what was sent before a crash is sent again
        for kind in (ReleasePayment, ReleaseRooms, StaffAlerted):
            assert len(cluster.messages(kind)) == 1
