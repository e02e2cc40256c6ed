"""Forty requests race for six rooms, with two copies of availability and of booking at work."""

from __future__ import annotations

import json
from datetime import date, timedelta
from uuid import uuid4

import pytest

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import fresh_night, money_for, request, room
from tests.support.cluster.gateway import REQUESTS, Gateway, rows, wait_for
from tests.support.cluster.publisher import publishers
from tests.support.oracle import until_at_rest

COMMANDS = "posada.availability.commands"
PROCESSES = 4
RACERS = 40
ALL_HABITACIONES, FREE = 14, 6
HELD = "SELECT booking_id, rooms FROM holds WHERE check_in = $1 AND state <> 'released'"
ANSWERED = "SELECT count(*) FROM holds WHERE check_in = $1"


pytestmark = pytest.mark.usefixtures("two_copies")


@pytest.mark.parametrize("rooms_each", [1, 2])
async def test_exactly_as_many_win_as_fit(cluster: LocalCluster, gateway: Gateway, rooms_each: int) -> None:
    night = fresh_night()
    first = request(night, rooms=[room("Habitación")] * (ALL_HABITACIONES - FREE), amount="1380.00")
    racers = [
        request(night, rooms=[room("Habitación")] * rooms_each, amount=f"{172.5 * rooms_each:.2f}")
        for _ in range(RACERS)
    ]
    await gateway.pay([money_for(one) for one in (first, *racers)])
    assert (await gateway.book(first)).kind == "confirmed"

    lines = [(REQUESTS, None, json.dumps(one)) for one in racers]
    async with publishers(cluster, [lines[n::PROCESSES] for n in range(PROCESSES)]):
        outcomes = await gateway.outcomes([one["request_id"] for one in racers])

    winners = [outcome for outcome in outcomes if outcome.kind == "confirmed"]
    losers = [outcome for outcome in outcomes if outcome.kind == "refused"]
    given = [taken["room"] for winner in winners for taken in winner.body["rooms"]]
    assert len(winners) == FREE // rooms_each
    assert len(losers) == RACERS - len(winners)
    assert {loser.body["refusal"]["reason"] for loser in losers} == {"not_enough_rooms"}
    assert len(given) == len(set(given)) == FREE
    await until_at_rest(cluster)


async def test_two_writers_meet_in_one_property_and_the_constraint_decides(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    """Commands that a foreign hand keyed each for itself, so that both copies want the same rooms."""
    night = fresh_night()
    held = [str(uuid4()) for _ in range(RACERS)]
    holds = [(COMMANDS, booking_id, json.dumps(_hold(booking_id, night))) for booking_id in held]

    for booking_id, (topic, _, body) in zip(held, holds, strict=True):
        kind = [("ce_type", b"posada.availability.hold-rooms.v1")]
        await gateway.publish(topic, body.encode(), key=booking_id.encode(), headers=kind)

    async def all_six_are_held() -> bool:
        return sum(len(hold["rooms"]) for hold in await rows(cluster, "availability", HELD, night)) >= FREE

    await wait_for(all_six_are_held, what="six rooms to be held", timeout_s=20)
    taken = [number for hold in await rows(cluster, "availability", HELD, night) for number in hold["rooms"]]
    assert len(taken) == len(set(taken)) == FREE
    release = [("ce_type", b"posada.availability.release-rooms.v1")]
    for booking_id in held:
        given = {"booking_id": booking_id, "property_id": "las-hojas"}
        await gateway.publish(COMMANDS, given, key=booking_id.encode(), headers=release)
    await until_at_rest(cluster)


def _hold(booking_id: str, night: date) -> dict[str, object]:
    return {
        "booking_id": booking_id,
        "property_id": "las-hojas",
        "check_in": night.isoformat(),
        "check_out": (night + timedelta(days=1)).isoformat(),
        "package": "Las Hojas",
        "rooms": [{"line": 1, "type": "Habitación", "adults": 2}],
        "avoid_rooms": [f"{number}A" for number in range(1, ALL_HABITACIONES - FREE + 1)],
    }
