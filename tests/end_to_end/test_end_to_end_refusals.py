"""Bookings that cannot be had as asked for: too few rooms, money that is short, used or late, and best effort."""

from __future__ import annotations

from posada.town import Town
from tests.support.end_to_end_builders import fresh_night, money_for, request, room
from tests.support.end_to_end_gateway import REQUESTS, Gateway, rows, wait_for
from tests.support.end_to_end_invariants import until_whole

MATRIMONIAL = ["22", "42", "47", "48", "53"]
HOLDS = "SELECT state FROM holds WHERE booking_id = $1 AND state <> 'released'"
CLAIMS = "SELECT status FROM payment_requests WHERE booking_id = $1 AND status NOT IN ('released', 'refused')"


async def test_three_wanted_and_two_free(town: Town, gateway: Gateway) -> None:
    night = fresh_night()
    first = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50")
    second = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50")
    await gateway.pay([money_for(first), money_for(second)])
    assert (await gateway.book(first)).kind == "confirmed"

    outcome = await gateway.book(second)

    assert outcome.kind == "refused"
    assert outcome.body["refusal"]["reason"] == "not_enough_rooms"
    [short] = outcome.body["refusal"]["details"]["shortages"]
    assert (short["requested"], short["available"]) == (3, 2)
    assert await rows(town, "availability", HOLDS, outcome.body["booking_id"]) == []
    assert await rows(town, "payments", CLAIMS, outcome.body["booking_id"]) == []
    await until_whole(town)


async def test_rooms_to_be_avoided_are_never_given(town: Town, gateway: Gateway) -> None:
    night = fresh_night()
    fits = request(night, rooms=[room("Matrimonial")] * 2, amount="345.00", avoid_rooms=MATRIMONIAL[:3])
    only_avoided = request(night, rooms=[room("Matrimonial")], amount="172.50", avoid_rooms=MATRIMONIAL[:3])
    await gateway.pay([money_for(fits), money_for(only_avoided)])

    confirmed, refused = await gateway.book(fits), await gateway.book(only_avoided)

    assert {taken["room"] for taken in confirmed.body["rooms"]} == set(MATRIMONIAL[3:])
    assert refused.body["refusal"]["reason"] == "not_enough_rooms"
    await until_whole(town)


async def test_a_payment_that_is_short_is_refused_with_the_difference(town: Town, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted, "600.00")])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "refused"
    assert outcome.body["refusal"]["reason"] == "payment_insufficient"
    assert outcome.body["refusal"]["details"]["difference"] == "90.00"
    assert "90.00" in outcome.body["text"]
    await until_whole(town)


async def test_a_payment_that_was_used_is_refused_with_its_codes(town: Town, gateway: Gateway) -> None:
    first = request(fresh_night())
    again = request(fresh_night(), authorization=first["payment"]["authorization_number"])
    await gateway.pay([money_for(first)])
    confirmed = await gateway.book(first)
    await until_whole(town)

    outcome = await gateway.book(again)

    codes = [taken["code"] for taken in confirmed.body["rooms"]]
    assert outcome.kind == "refused"
    assert outcome.body["refusal"]["reason"] == "payment_used"
    assert outcome.body["refusal"]["details"]["codes"] == codes
    assert f"{', '.join(codes)} (3 habitaciones)" in outcome.body["text"]
    await until_whole(town)


async def test_money_that_arrives_later_is_found_later(town: Town, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    name = wanted["request_id"]
    await gateway.publish(REQUESTS, wanted)
    await wait_for(
        lambda: bool(gateway.of_request(name, "payment-search-started")), what="the search to start", timeout_s=20
    )
    [waiting] = await rows(town, "booking", "SELECT id, status FROM bookings WHERE request_id = $1", name)
    assert waiting["status"] == "PENDING"
    assert len(await rows(town, "availability", HOLDS, waiting["id"])) == 1

    await gateway.pay([money_for(wanted)])

    outcome = await gateway.outcome(name)
    assert outcome.kind == "confirmed"
    assert outcome.body["payment_found_later"] is True
    assert len(outcome.body["rooms"]) == 3
    await until_whole(town)


async def test_best_effort_books_what_can_be_had_and_charges_only_that(town: Town, gateway: Gateway) -> None:
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
    await until_whole(town)
    [paid] = await rows(
        town, "payments", "SELECT captured FROM payments WHERE transfer_id = $1", transfer["transfer_id"]
    )
    assert str(paid["captured"]) == "345.00"
