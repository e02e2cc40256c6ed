"""Money that arrives a day late: it is looked for at every time of the schedule, and then the booking is confirmed."""

from __future__ import annotations

from datetime import datetime, timedelta

from posada.cluster.cluster import LocalCluster
from shared.contracts.booking import PaymentSearchStarted
from tests.support.builders.cluster_requests import request, with_slip
from tests.support.cluster.days import Days
from tests.support.cluster.gateway import REQUESTS, TRANSFERS, Gateway, rows, unique, wait_for
from tests.support.oracle import until_at_rest

HOLD = "SELECT state, expires_at FROM holds WHERE booking_id = $1"
SEARCH = "SELECT stage, attempt FROM payment_requests WHERE booking_id = $1"
# Two attempts at 5 minutes, two at 15, then one an hour.
BEFORE_STAGE_3 = timedelta(minutes=40)


async def test_money_that_arrives_a_day_late_confirms_the_booking(
    cluster: LocalCluster, gateway: Gateway, days: Days
) -> None:
    asked_at = cluster.clock()
    wanted = with_slip(request((asked_at + timedelta(days=20)).date()), asked_at.date())
    name = wanted["request_id"]
    await gateway.publish(REQUESTS, wanted)
    await wait_for(lambda: bool(gateway.of_request(name)), what="the search", timeout_s=30)
    booking_id = gateway.of_request(name)[0].body["booking_id"]

    await days.pass_until(asked_at + timedelta(days=1))

    [search] = await rows(cluster, "payments", SEARCH, booking_id)
    hours = (timedelta(days=1) - BEFORE_STAGE_3) // timedelta(hours=1)
    assert search["stage"] == 3
    assert search["attempt"] in {hours, hours + 1}, "one attempt an hour, the next one is planned"
    [hold] = await rows(cluster, "availability", HOLD, booking_id)
    assert hold["state"] == "held"
    assert hold["expires_at"] > cluster.clock()
    assert gateway.number_decided([name]) == 0

    money = {"transfer_id": unique("late"), "amount": "690.00", "reference": name}
    await gateway.publish(TRANSFERS, money | {"posted_on": cluster.clock().date().isoformat()})
    outcome = await gateway.outcome(name)

    assert outcome.kind == "confirmed", outcome.body
    assert outcome.body["payment_found_later"]
    assert len(outcome.body["rooms"]) == 3
    assert datetime.fromisoformat(outcome.body["at"]) - asked_at >= timedelta(days=1)
    searches = [event.body["stage"] for event in gateway.events if event.type == PaymentSearchStarted.type_name]
    assert searches == [1, 2, 3], "the guest is told of each stage once"
    await until_at_rest(cluster)
