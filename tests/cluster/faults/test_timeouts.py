"""A service that says nothing: the saga gives up in time, and what comes late is given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import REQUESTS, Gateway, rows
from tests.support.oracle import until_at_rest

PATIENCE_S = 3.0
HOLD = "SELECT state, rooms FROM holds WHERE booking_id = $1"


@pytest.fixture
def hasty(cluster: LocalCluster) -> Iterator[None]:
    """Booking waits for an answer but briefly."""
    cluster.configure("booking", {"POSADA_SAGA_PATIENCE_SECONDS": str(PATIENCE_S)})
    yield
    cluster.configure("booking", {})


@pytest.mark.usefixtures("hasty")
async def test_availability_is_silent_and_its_late_hold_is_released(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    silent = cluster.instance("availability").process

    silent.pause()
    await gateway.publish(REQUESTS, wanted)
    outcome = await gateway.outcome(wanted["request_id"], PATIENCE_S + 15)
    silent.resume()

    assert outcome.kind == "failed"
    assert outcome.body["refusal"]["reason"] == "timed_out"
    await until_at_rest(cluster)
    [late] = await rows(cluster, "availability", HOLD, outcome.body["booking_id"])
    assert late["state"] == "released"
    assert len(late["rooms"]) == 3, "the hold was made late, and undone"
    assert len(gateway.of_request(wanted["request_id"], "confirmed", "refused", "failed")) == 1
