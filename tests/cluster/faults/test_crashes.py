"""Each service killed in the middle of many bookings, and stopped as an operator would."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES
from tests.support.builders.cluster_requests import fresh_night, many, money_for, request
from tests.support.cluster.gateway import REQUESTS, Gateway, wait_for
from tests.support.oracle import until_at_rest
from tests.support.scale import scaled

BOOKINGS = scaled(200, part=80)
FIRST = BOOKINGS // 2  # published before the kill, the rest as it falls
IN_THE_MIDDLE = BOOKINGS // 4
ALL_END_S = 60.0
QUICKLY_S = 5.0


@pytest.mark.long
@pytest.mark.parametrize("service", SERVICES)
async def test_killed_in_the_middle_of_many_bookings(cluster: LocalCluster, gateway: Gateway, service: str) -> None:
    wanted = many(BOOKINGS)
    names = [one["request_id"] for one in wanted]
    await gateway.pay([money_for(one) for one in wanted])

    await gateway.publish_all(REQUESTS, wanted[:FIRST])
    await wait_for(lambda: gateway.number_decided(names) >= IN_THE_MIDDLE, what="the middle", timeout_s=30)
    rest = asyncio.create_task(gateway.publish_all(REQUESTS, wanted[FIRST:]))  # however fast it is: some meet the kill
    await asyncio.to_thread(cluster.kill, service)
    await rest
    await asyncio.to_thread(cluster.start_service, service)

    outcomes = await gateway.outcomes(names, ALL_END_S)
    assert {outcome.kind for outcome in outcomes} == {"confirmed"}
    for name in names:
        assert len({event.id for event in gateway.of_request(name, "confirmed", "refused", "failed")}) == 1
    await until_at_rest(cluster, ALL_END_S)


async def test_every_service_stops_when_it_is_asked_to_and_goes_on_where_it_was(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])

    for service in SERVICES:
        process = cluster.instance(service).process
        began = time.monotonic()
        await asyncio.to_thread(cluster.stop_service, service)
        assert time.monotonic() - began < QUICKLY_S, f"{service} was slow to stop"
        assert process.returncode in {0, -signal.SIGTERM}, f"{service} ended with {process.returncode}"
        assert "service.stopped" in process.log_tail(5)
    await gateway.publish(REQUESTS, wanted)
    for one in cluster.services:
        one.process.start()
    await asyncio.to_thread(cluster.wait_until_ready)

    assert (await gateway.outcome(wanted["request_id"])).kind == "confirmed"
    await until_at_rest(cluster)
