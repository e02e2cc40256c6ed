"""What is given back by posada audit --mend, and what is left to sagas and people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from posada.audit.auditor import Auditor
from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.database_snapshots import snapshots
from posada.audit.invariant import REPAIR
from posada.audit.repair import Repaired, plan_repair, releases
from posada.cli.operate.audit import show_repairs
from shared.contracts.availability import ReleaseRooms
from shared.contracts.topics import SERVICES
from tests.support.audit.day_fixture import FIRST, House, Shelf, live_a_day, spoiled
from tests.support.sagas.in_memory_cluster import cluster_of
from tests.support.servers.databases import Databases, FreshDatabase, apart_async

pytestmark = pytest.mark.real
_STRANGER = UUID(int=1)
_HELD_FOR_NOBODY = """
WITH hold AS (
    INSERT INTO holds SELECT '{stranger}', property_id, 'held', check_in + 90, check_out + 90, rooms,
           now() + interval '1 hour', NULL, answer, '{{}}', now() FROM holds WHERE booking_id = '{first}' RETURNING *)
INSERT INTO room_nights SELECT property_id, room, night, booking_id
FROM hold, unnest(rooms) AS room, generate_series(check_in, check_out - 1, interval '1 day') AS night"""
_FREED_FOR_NOBODY = """
INSERT INTO holds SELECT '{stranger}', property_id, 'freed', check_in + 90, check_out + 90, '{{}}',
       now() + interval '1 hour', NULL, answer, '{{}}', now() FROM holds WHERE booking_id = '{first}'"""
_KEPT_ELSEWHERE = """
INSERT INTO outside_inventories VALUES ('las-hojas', 'http://127.0.0.1:9', 'HR', true, 1, 1, 0);"""
_HELD_FOR_A_NO_SHOW = """
WITH hold AS (UPDATE holds SET state = 'booked' WHERE booking_id = '{missed}' RETURNING *)
INSERT INTO room_nights SELECT property_id, room, night, booking_id
FROM hold, unnest(rooms) AS room, generate_series(check_in, check_out - 1, interval '1 day') AS night"""
_MONEY_FOR_NOBODY = """
UPDATE payment_requests SET booking_id = '{stranger}', status = 'waiting', next_attempt_at = now() + interval '1 day'
WHERE booking_id = '{short}'"""
_MONEY_FOR_SHORT = """
UPDATE payment_requests SET status = 'waiting', next_attempt_at = now() + interval '1 day'
WHERE booking_id = '{short}'"""


@pytest.fixture(scope="module")
def house(module_database: FreshDatabase) -> House:
    """A day that was lived, with nobody connected any more."""
    urls = {service: module_database(service) for service in SERVICES}
    return apart_async(lambda _: live_a_day(urls), "")


@pytest.mark.parametrize(
    ("service", "sql", "sends"),
    [
        ("availability", _HELD_FOR_NOBODY, ["posada.availability.release-rooms.v1"]),
        ("availability", _HELD_FOR_A_NO_SHOW, ["posada.availability.release-rooms.v1"]),
        ("availability", _FREED_FOR_NOBODY, ["posada.availability.release-rooms.v1"]),
        (
            "availability",
            _KEPT_ELSEWHERE + _HELD_FOR_NOBODY,
            ["posada.availability.release-rooms.v1", "posada.availability.cancel-orders.v1"],
        ),
        ("payments", _MONEY_FOR_NOBODY, ["posada.payments.release-payment.v1"]),
        ("payments", _MONEY_FOR_SHORT, ["posada.payments.release-payment.v1"]),
    ],
)
async def test_what_nobody_owns_is_given_back_and_then_nothing_is_wrong(
    house: House, databases: Databases, service: str, sql: str, sends: list[str]
) -> None:
    with spoiled(house, databases, service) as copy:
        connection = await asyncpg.connect(copy.urls[service])
        await connection.execute(sql.format(**house.ids, stranger=_STRANGER))
        await connection.close()
        auditor = Auditor(copy.urls, Shelf(house.books()))
        before = (await auditor.look()).findings
        async with snapshots(copy.urls) as seen:
            messages = [one for found in before for one in releases(await seen.snapshot(UUID(found.subject)))]
        async with cluster_of(copy.urls) as cluster:
            await cluster.publish(*messages)
            await cluster.run()
        after = (await auditor.look()).findings

    assert {finding.remedy for finding in before} == {REPAIR}
    assert [message.type_name for message in messages] == sends
    assert after == ()


async def test_a_booking_that_lives_keeps_everything(house: House) -> None:
    async with snapshots(house.urls) as seen:
        sends = [send for one in house.ids.values() for send in releases(await seen.snapshot(one))]
    assert sends == []


@pytest.mark.parametrize("restored", ["announced", "booked"])
async def test_what_a_guest_was_promised_is_not_given_back_by_a_booking_that_was_restored(
    house: House, databases: Databases, restored: str
) -> None:
    """As between a restore and the rewind: booking does not know whom it has confirmed."""
    with spoiled(house, databases, "booking") as copy:
        connection = await asyncpg.connect(copy.urls["booking"])
        await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await connection.execute("TRUNCATE bookings, sagas CASCADE")
        await connection.close()
        async with snapshots(copy.urls) as seen:
            snapshot = await seen.snapshot(house.ids[FIRST])
    assert snapshot.held_as == "booked"
    if restored == "announced":
        snapshot.announced = ("confirmed",)
        assert snapshot.hold
        snapshot.hold = {**snapshot.hold, "state": "held"}
        snapshot.request = {**(snapshot.request or {}), "status": "reserved"}
    assert releases(snapshot) == []
    given_back = [message.type_name for message in releases(snapshot, even_promised=True)]
    assert "posada.availability.release-rooms.v1" in given_back


async def test_a_confirmed_bookings_money_is_left_to_people(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "payments") as copy:
        connection = await asyncpg.connect(copy.urls["payments"])
        await connection.execute(
            "UPDATE payment_requests SET status = 'reserved' WHERE booking_id = $1", house.ids[FIRST]
        )
        await connection.close()
        async with snapshots(copy.urls) as seen:
            assert releases(await seen.snapshot(house.ids[FIRST])) == []


def held_for(booking_id: UUID, **more: Any) -> BookingSnapshot:
    """Rooms that are held for a booking of which booking has nothing."""
    return BookingSnapshot(booking_id, hold={"state": "held", "property_id": "las-hojas", "outside": False}, **more)


@pytest.mark.parametrize("even_promised", [False, True])
def test_only_what_nobody_will_ask_for_is_given_back(even_promised: bool) -> None:
    gone, promised, asked_for, moving = (UUID(int=number) for number in range(4))
    confirmed = held_for(promised, announced=("confirmed",))
    promised_and_asked_for = held_for(asked_for, announced=("confirmed",))
    nothing_left = BookingSnapshot(UUID(int=4), hold={"state": "released"}, announced=("confirmed",))

    done = plan_repair(
        [held_for(gone), confirmed, promised_and_asked_for, held_for(moving), nothing_left],
        asked_for={asked_for, moving},
        moving={moving},
        even_promised=even_promised,
    )

    assert [message.booking for message in done.sent] == [str(gone), *[str(promised)] * even_promised]
    assert done.promised == [promised] * (not even_promised)
    assert (done.asked_for, done.moving) == ([asked_for], [moving])


def test_a_booking_that_is_known_is_mended_whatever_stands_on_the_topic() -> None:
    known = held_for(UUID(int=1), booking={"status": "CANCELLED", "changing": False})
    done = plan_repair([known], asked_for={known.id}, moving=frozenset())
    assert [message.booking for message in done.sent] == [str(known.id)]
    assert done.asked_for == []


def test_what_was_done_and_left_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three, four = (UUID(int=number) for number in range(4))
    show_repairs(Repaired([ReleaseRooms(booking_id=one, property_id="las-hojas")], [two], [three], [four]))

    told = capsys.readouterr().err.splitlines()
    assert f"sent posada.availability.release-rooms.v1 for {one}" in told
    for booking, remedy in ((two, "--even-promised"), (three, "posada rewind booking"), (four, "audit again")):
        (line,) = [line for line in told if line.startswith(f"left {booking}")]
        assert remedy in line
