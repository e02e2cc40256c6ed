"""Scenarios 5 and 6 of the specification, through real Kafka and all services: another system keeps the rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from posada.client.http import ask
from posada.cluster.cluster import LocalCluster
from posada.problems import Problem
from services.availability.catalogue.model import OutsideRecord
from services.availability.catalogue.repository import CatalogueRepository
from shared.clock import system_clock
from shared.database.pool import Database
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import Gateway, rows, wait_for
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.oracle import until_at_rest

ROOMS = ("18", "19", "20", "21")
PREFIXES = iter(("PM", "PN", "PO"))  # each test's external system counts its reservations from the same number
MONEY = "SELECT reserved, captured, codes FROM payments WHERE transfer_id = $1"
COMPLAINTS = "SELECT problem FROM outside_attempts WHERE booking_id = $1 AND fate = 'doubtful'"


@pytest.fixture
async def fake_pms(cluster: LocalCluster) -> AsyncIterator[FakePms]:
    """A external system that keeps the reference property's rooms, until the test ends: then they are ours again."""
    database = Database(cluster.database_url("availability"))
    await database.open()
    records = CatalogueRepository(database, allowed=LOOPBACK)
    key = {"property_id": "las-hojas"}
    async with serving(FakePms(rooms=ROOMS)) as running:
        facts = {"base_url": running.url, "prefix": next(PREFIXES), "cancels": True, "pause_seconds": 0}
        await records.put(OutsideRecord.model_validate(key | facts), system_clock())
        try:
            await junior_rooms_are(cluster, len(ROOMS))
            running.calls.clear()
            yield running
        finally:
            await rows(cluster, "availability", "DELETE FROM outside_inventories")
            await junior_rooms_are(cluster, 37)
            await database.close()


async def junior_rooms_are(cluster: LocalCluster, number: int) -> None:
    """Wait until availability counts so many in a night that nobody wants: what it knows is some seconds old."""
    night = fresh_night(2)
    stay = {"check_in": night.isoformat(), "check_out": date.fromordinal(night.toordinal() + 1).isoformat()}

    async def counted() -> bool:
        path = "/properties/las-hojas/availability"
        try:
            answer = await asyncio.to_thread(
                ask, cluster.http("availability"), path, **stay
            )  # the external system lives in our loop
        except Problem:  # it looks for a external system that is there no longer
            return False
        return bool(answer["available_counts"]["bungalow_junior"] == number)

    await wait_for(counted, what=f"{number} Junior rooms", timeout_s=30)


async def test_scenario_5_the_desk_took_a_room_and_another_is_reported(
    cluster: LocalCluster, gateway: Gateway, fake_pms: FakePms
) -> None:
    """Of four rooms the first that is ordered is snatched: the other three are booked, each once."""
    ordered: list[str] = []

    def snatch_the_first() -> None:
        ordered.append(fake_pms.calls[-1][1]["room"])
        fake_pms.snatches = set(ordered)

    fake_pms.before_booking = snatch_the_first
    wanted = request(fresh_night())
    transfer = money_for(wanted)
    await gateway.pay([transfer])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    taken = outcome.body["rooms"]
    assert {one["room"] for one in taken} == set(ROOMS) - set(ordered)
    assert sorted(body["room"] for call, body in fake_pms.calls if call == "bookRoom") == sorted(ROOMS)
    assert {one["code"][2:]: {one["room"]} for one in taken} == fake_pms.reservations()
    await until_at_rest(cluster)
    [paid] = await rows(cluster, "payments", MONEY, transfer["transfer_id"])
    assert (paid["captured"], set(paid["codes"])) == (Decimal("690.00"), {one["code"] for one in taken})


async def test_scenario_6_an_outside_call_fails_twice_and_then_succeeds(
    cluster: LocalCluster, gateway: Gateway, fake_pms: FakePms
) -> None:
    fake_pms.rooms = (*ROOMS, "23", "24", "25")

    def fail() -> None:
        fake_pms.fails = 1

    def fail_and_fail_again() -> None:
        fail()
        fake_pms.before_booking = fail

    fake_pms.before_booking = fail_and_fail_again
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    assert len({one["room"] for one in outcome.body["rooms"]}) == 3
    assert len([call for call, _ in fake_pms.calls if call == "bookRoom"]) == 5
    await until_at_rest(cluster)
    assert len(await rows(cluster, "availability", COMPLAINTS, outcome.body["booking_id"])) == 2


async def test_scenario_6_the_third_room_of_three_fails_for_good(
    cluster: LocalCluster, gateway: Gateway, fake_pms: FakePms
) -> None:
    fake_pms.rooms = ROOMS[:3]
    fake_pms.snatch_third = True
    wanted = request(fresh_night())
    transfer = money_for(wanted)
    await gateway.pay([transfer])

    outcome = await gateway.book(wanted)

    refusal: dict[str, Any] = outcome.body["refusal"]
    assert (outcome.kind, refusal["reason"], refusal["details"]["room"]) == ("failed", "room_failed", 3)
    await until_at_rest(cluster)
    await wait_for(lambda: fake_pms.reservations() == {}, what="the first two to be undone", timeout_s=20)
    [paid] = await rows(cluster, "payments", MONEY, transfer["transfer_id"])
    assert (paid["reserved"], paid["captured"]) == (0, 0)
    nights = "SELECT FROM room_nights WHERE booking_id = $1"
    assert await rows(cluster, "availability", nights, outcome.body["booking_id"]) == []
