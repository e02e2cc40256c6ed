"""Bookings that cannot be had as asked for: money that is short, and best effort."""

from __future__ import annotations

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import fresh_night, money_for, request, room
from tests.support.cluster.gateway import Gateway, rows
from tests.support.oracle import until_at_rest


async def test_a_payment_that_is_short_is_refused_with_the_difference(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted, "600.00")])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "refused"
    assert outcome.body["refusal"]["reason"] == "payment_insufficient"
    assert outcome.body["refusal"]["details"]["difference"] == "90.00"
    assert "90.00" in outcome.body["text"]
    await until_at_rest(cluster)


async def test_best_effort_books_what_can_be_had_and_charges_only_that(cluster: LocalCluster, gateway: Gateway) -> None:
    night = fresh_night()
    first = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50")
    wanted = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50", policy="best_effort")
    transfer = money_for(wanted)
    await gateway.pay([money_for(first), transfer])
    assert (await gateway.book(first)).kind == "confirmed"

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    assert [taken["line"] for taken in outcome.body["rooms"]] == [1, 2]
    assert [(missed["line"], missed["reason"]) for missed in outcome.body["missed"]] == [(3, "not_enough_rooms")]
    assert outcome.body["total"] == "345.00"
    await until_at_rest(cluster)
    [paid] = await rows(
        cluster, "payments", "SELECT captured FROM payments WHERE transfer_id = $1", transfer["transfer_id"]
    )
    assert str(paid["captured"]) == "345.00"
