"""Single stays of a booking end over the five services: their room and money go, the rest of the booking stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from shared.contracts.availability import GiveUpStays
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, GuestCheckedOut
from shared.contracts.booking.staff import CancelBooking, ChangeDates, CheckIn, CheckOut, MarkNoShow
from shared.contracts.topics import SERVICES
from tests.database.sagas.test_life_storms import Guest, first_night, guest, whole
from tests.support.sagas.in_memory_cluster import InMemoryCluster, cluster_of
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
NOTHING = Decimal("0.00")


@pytest.fixture(scope="module")
def urls(module_database: FreshDatabase) -> dict[str, str]:
    return {service: module_database(service) for service in SERVICES}


@pytest.fixture
async def cluster(urls: dict[str, str]) -> AsyncIterator[InMemoryCluster]:
    async with cluster_of(urls) as cluster:
        yield cluster


async def codes_of(one: Guest) -> list[str]:
    rows = await one.cluster.ask("booking", "SELECT code FROM stays WHERE booking_id = $1 ORDER BY line", one.id)
    return [row["code"] for row in rows]


async def held(one: Guest) -> int:
    query = "SELECT count(DISTINCT room) AS rooms FROM room_nights WHERE booking_id = $1"
    (row,) = await one.cluster.ask("availability", query, one.id)
    return int(row["rooms"])


async def test_one_of_three_rooms_is_cancelled_then_another_then_all(cluster: InMemoryCluster) -> None:
    one = await guest(cluster)
    first, second, _ = await codes_of(one)
    command = await one.tell(CancelBooking, codes=(first,), fee="20.00")
    assert (await one.answer(command))["state"] == "done"
    row = await one.row()
    assert (row["status"], row["total"], row["fee"], row["paid"]) == (
        "CONFIRMED", Decimal("431.25"), Decimal("20.00"), Decimal("451.25"),
    )  # fmt: skip
    assert row["refund"] == Decimal("690.00") - Decimal("451.25")
    assert await held(one) == 2
    (event,) = one.events(BookingModified)
    assert (event.revision, len(event.rooms), event.total) == (1, 2, Decimal("431.25"))
    assert first in event.text
    await whole(cluster)
    await one.tell(CancelBooking, codes=(second,))
    assert await held(one) == 1
    await one.tell(CancelBooking)
    row = await one.row()
    assert (row["status"], row["total"], row["fee"], row["paid"]) == ("CANCELLED", NOTHING, *[Decimal("20.00")] * 2)
    assert row["refund"] == Decimal("670.00")
    (cancelled,) = one.events(BookingCancelled)
    assert len(cancelled.reservation_codes) == 1
    assert await held(one) == 0
    await whole(cluster)


async def test_a_room_that_never_arrives_is_a_no_show_and_the_others_leave(cluster: InMemoryCluster) -> None:
    night = first_night()
    one = await guest(cluster, night)
    first, second, third = await codes_of(one)
    await cluster.run(until=cluster.clock() + (night - cluster.clock().date()) + timedelta(hours=8))
    await one.tell(CheckIn, codes=(first, second))
    no_show = await one.tell(MarkNoShow, codes=(third,))
    assert (await one.answer(no_show))["state"] == "done"
    row = await one.row()
    assert (row["status"], row["fee"]) == ("CHECKED_IN", Decimal("172.50"))
    assert await held(one) == 2
    await one.tell(CheckOut)
    assert (await one.row())["status"] == "CHECKED_OUT"
    assert [event.last for event in one.events(GuestCheckedOut)] == [True]
    refused = await one.tell(MarkNoShow, codes=(first,))
    assert (await one.answer(refused))["state"] == "refused"
    await whole(cluster)


async def test_what_is_left_moves_to_other_dates_and_a_late_repetition_frees_nothing(cluster: InMemoryCluster) -> None:
    night = first_night()
    one = await guest(cluster, night)
    first, *_ = await codes_of(one)
    await one.tell(CancelBooking, codes=(first,))
    (gone,) = one.events(GiveUpStays)
    other = night + timedelta(days=1)
    moved = await one.tell(ChangeDates, check_in=other, check_out=other + timedelta(days=1))
    assert (await one.answer(moved))["state"] == "done"
    assert await held(one) == 2
    await cluster.publish(gone)
    await cluster.run(until=cluster.clock() + timedelta(minutes=5))
    assert await held(one) == 2
    assert [event.revision for event in one.events(BookingModified)] == [1, 2]
    await whole(cluster)
