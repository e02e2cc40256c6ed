"""The specification's scenarios that concern rooms and money, by their numbers, through real Kafka and all services."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from babel.dates import format_date

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import fresh_night, money_for, request, room
from tests.support.cluster.gateway import REQUESTS, Gateway, rows, unique, wait_for
from tests.support.oracle import until_at_rest

CODES = "SELECT codes, captured, reserved FROM payments WHERE transfer_id = $1"
DELIVERIES = "SELECT channel, status, text FROM deliveries WHERE booking_id = $1 AND status <> 'standby' ORDER BY 1"
THREADS = "SELECT count(*) FROM threads WHERE booking_id = $1"
MESSAGE_IS_THERE = "SELECT count(*) FROM messages WHERE message_id = $1"
HOLDS = "SELECT state FROM holds WHERE booking_id = $1 AND state <> 'released'"
CLAIMS = "SELECT status FROM payment_requests WHERE booking_id = $1 AND status NOT IN ('released', 'refused')"
MATRIMONIAL = ["22", "42", "47", "48", "53"]


async def test_scenario_1_one_room_by_the_flat_form_and_by_a_list_of_one(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    night = fresh_night()
    listed = request(night, rooms=[room(adults=2)], amount="172.50")
    flat = flat_form(listed)
    paid = {"payment": {"amount": "172.50", "authorization_number": flat["authorization_number"]}}
    await gateway.pay([money_for(listed), money_for(paid)])

    of_list, of_flat = await gateway.book(listed), await gateway.book(flat)

    differ = {"booking_id", "request_id", "guest", "contact", "at", "text", "rooms"}
    assert {k: v for k, v in of_list.body.items() if k not in differ} == {
        k: v for k, v in of_flat.body.items() if k not in differ
    }
    assert (of_flat.kind, of_flat.body["total"]) == ("confirmed", "172.50")
    assert without_codes(of_flat.body) == without_codes(of_list.body)
    await until_at_rest(cluster)


async def test_scenario_2_three_junior_for_eight_adults_by_one_payment(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await write_to_the_hotel(cluster, gateway, wanted["contact"]["wa_id"])
    transfer = money_for(wanted)
    await gateway.pay([transfer])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    taken = outcome.body["rooms"]
    codes = [one["code"] for one in taken]
    assert len({one["room"] for one in taken}) == len(set(codes)) == 3
    assert all(code.startswith("HR") and code in outcome.body["text"] for code in codes)
    assert outcome.body["total"] == "690.00"

    await until_at_rest(cluster)
    booking_id = outcome.body["booking_id"]
    [paid] = await rows(cluster, "payments", CODES, transfer["transfer_id"])
    assert (paid["codes"], paid["captured"], paid["reserved"]) == (codes, Decimal("690.00"), 0)
    told = await rows(cluster, "notifications", DELIVERIES, booking_id)
    assert [(one["channel"], one["status"]) for one in told] == [("email", "stored"), ("whatsapp", "stored")]
    assert all(code in one["text"] for one in told for code in codes)
    assert (await rows(cluster, "conversations", THREADS, booking_id))[0][0] == 1
    steps = [event.body["step"] for event in gateway.of_request(wanted["request_id"], "progressed")]
    assert steps[0] == "accepted"
    assert {"rooms_held", "payment_reserved", "payment_captured"} <= set(steps)


async def test_scenario_2_two_junior_and_one_familiar(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night(), rooms=[room(adults=3), room(adults=3), room("Familiar", adults=2)])
    await gateway.pay([money_for(wanted)])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    taken = outcome.body["rooms"]
    assert [one["type"] for one in taken] == ["bungalow_junior", "bungalow_junior", "bungalow_familiar"]
    assert len({one["room"] for one in taken}) == len({one["code"] for one in taken}) == 3
    assert int(taken[2]["room"]) <= 17
    assert outcome.body["total"] == "690.00"
    await until_at_rest(cluster)


async def test_scenario_3_three_wanted_and_two_free(cluster: LocalCluster, gateway: Gateway) -> None:
    night = fresh_night()
    first = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50")
    second = request(night, rooms=[room("Matrimonial")] * 3, amount="517.50")
    transfer = money_for(second)
    await gateway.pay([money_for(first), transfer])
    assert (await gateway.book(first)).kind == "confirmed"

    outcome = await gateway.book(second)

    assert (outcome.kind, outcome.body["refusal"]["reason"]) == ("refused", "not_enough_rooms")
    [short] = outcome.body["refusal"]["details"]["shortages"]
    assert (short["requested"], short["available"]) == (3, 2)
    assert await rows(cluster, "availability", HOLDS, outcome.body["booking_id"]) == []
    assert await rows(cluster, "payments", CLAIMS, outcome.body["booking_id"]) == []
    await until_at_rest(cluster)
    [paid] = await rows(cluster, "payments", CODES, transfer["transfer_id"])
    assert (paid["reserved"], paid["captured"]) == (0, 0)


async def test_scenario_4_rooms_to_be_avoided_are_never_given(cluster: LocalCluster, gateway: Gateway) -> None:
    night = fresh_night()
    avoid = ["22", "23", "24"]
    three = request(night, avoid_rooms=avoid)
    all_others = request(night, rooms=[room("Matrimonial")] * 4, amount="690.00", avoid_rooms=avoid)
    only_avoided = request(night, rooms=[room("Matrimonial")], amount="172.50", avoid_rooms=avoid)
    await gateway.pay([money_for(one) for one in (three, all_others, only_avoided)])

    junior, matrimonial, refused = [await gateway.book(one) for one in (three, all_others, only_avoided)]

    given = {taken["room"] for outcome in (junior, matrimonial) for taken in outcome.body["rooms"]}
    assert len(given) == 7
    assert not given & set(avoid)
    assert {taken["room"] for taken in matrimonial.body["rooms"]} == set(MATRIMONIAL) - {"22"}
    assert refused.body["refusal"]["reason"] == "not_enough_rooms"
    [short] = refused.body["refusal"]["details"]["shortages"]
    assert (short["requested"], short["available"]) == (1, 0)
    await until_at_rest(cluster)


@pytest.mark.parametrize("number", [2, 1])
async def test_scenario_7_a_transfer_that_arrives_late(cluster: LocalCluster, gateway: Gateway, number: int) -> None:
    """For two rooms it stays a booking of two rooms, with the text for a payment found later; for one as well."""
    wanted = by_transfer(request(fresh_night(), rooms=[room(adults=2)] * number), f"{172.5 * number:.2f}")
    name = wanted["request_id"]
    await gateway.publish(REQUESTS, wanted)
    await wait_for(
        lambda: bool(gateway.of_request(name, "payment-search-started")), what="the search to start", timeout_s=20
    )
    [waiting] = await rows(cluster, "booking", "SELECT id, status FROM bookings WHERE request_id = $1", name)
    assert waiting["status"] == "PENDING"
    assert len(await rows(cluster, "availability", HOLDS, waiting["id"])) == 1

    await gateway.pay([transfer_of(wanted)])

    outcome = await gateway.outcome(name)
    assert outcome.kind == "confirmed"
    assert outcome.body["payment_found_later"] is True
    assert (len(outcome.body["rooms"]), outcome.body["number_of_rooms"]) == (number, number)
    assert outcome.body["text"].startswith("Hemos encontrado su pago")
    assert ("2 habitaciones:" in outcome.body["text"]) is (number == 2)
    await until_at_rest(cluster)
    told = await rows(cluster, "notifications", DELIVERIES, waiting["id"])
    confirmations = [one["text"] for one in told if "HR" in one["text"]]
    assert len(confirmations) == 2
    assert all(taken["code"] in text for text in confirmations for taken in outcome.body["rooms"])


async def test_scenario_8_a_payment_used_before_is_refused_with_its_codes(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    first = request(fresh_night())
    again = request(fresh_night(), authorization=first["payment"]["authorization_number"])
    await gateway.pay([money_for(first)])
    confirmed = await gateway.book(first)
    await until_at_rest(cluster)

    outcome = await gateway.book(again)

    codes = [taken["code"] for taken in confirmed.body["rooms"]]
    assert (outcome.kind, outcome.body["refusal"]["reason"]) == ("refused", "payment_used")
    assert outcome.body["refusal"]["details"]["codes"] == codes
    assert f"{', '.join(codes)} (3 habitaciones)" in outcome.body["text"]
    used_on = date.fromisoformat(outcome.body["refusal"]["details"]["used_on"])
    assert abs(used_on - datetime.now(UTC).date()) <= timedelta(days=1)
    assert format_date(used_on, "long", locale="es_SV") in outcome.body["text"]
    await until_at_rest(cluster)


async def test_scenario_10_the_same_request_twice_at_once_and_a_day_later(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    name = wanted["request_id"]

    await asyncio.gather(gateway.publish(REQUESTS, wanted), gateway.publish(REQUESTS, wanted))
    first = await gateway.outcome(name)
    await until_at_rest(cluster)
    await a_day_passes(cluster, name)
    before = len(gateway.of_request(name, "confirmed"))
    await gateway.publish(REQUESTS, wanted)
    await wait_for(lambda: len(gateway.of_request(name, "confirmed")) > before, what="a second answer", timeout_s=10)

    answers = gateway.of_request(name, "confirmed", "refused", "failed")
    assert len(answers) >= 2
    assert {answer.id for answer in answers} == {first.id}
    assert all(answer.body == first.body for answer in answers)
    assert len(await rows(cluster, "booking", "SELECT FROM bookings WHERE request_id = $1", name)) == 1
    await until_at_rest(cluster)


def flat_form(listed: dict[str, Any]) -> dict[str, Any]:
    """The same room as older gateways ask for it."""
    return {
        "request_id": unique("flat"),
        "customer_name": "Ana María Pérez",
        "email": "ana@example.org",
        "wa_id": "50370009999",
        "check_in_date": listed["check_in"],
        "check_out_date": listed["check_out"],
        "package_type": "Las Hojas",
        "bungalow_type": "Junior",
        "adults": 2,
        "children_0_5": 0,
        "children_6_10": 0,
        "payment_method": "CompraClick",
        "payment_amount": 172.5,
        "authorization_number": unique("card"),
    }


def without_codes(confirmed: dict[str, Any]) -> str:
    """The guest's text, its reservation codes left out."""
    text = str(confirmed["text"])
    for taken in confirmed["rooms"]:
        text = text.replace(taken["code"], "")
    return text


def by_transfer(wanted: dict[str, Any], amount: str) -> dict[str, Any]:
    """The same request, paid by a bank transfer whose slip the guest has sent."""
    slip = {"slip_date": date.today().isoformat(), "slip_amount": amount}  # noqa: DTZ011 — a day either way will do
    paid = {"method": "bank_transfer", "amount": amount, "reference": wanted["request_id"], **slip}
    return wanted | {"payment": paid}


def transfer_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """The bank's line of it."""
    paid = wanted["payment"]
    return {
        "transfer_id": unique("transfer"),
        "amount": paid["amount"],
        "posted_on": paid["slip_date"],
        "reference": paid["reference"],
    }


async def a_day_passes(cluster: LocalCluster, request_id: str) -> None:
    """What booking remembers is as old as that: its rows of a day ago, its process not the same."""
    for change in (
        "UPDATE inbox SET received_at = received_at - interval '1 day'",
        "UPDATE sagas SET started_at = started_at - interval '1 day', updated_at = updated_at - interval '1 day'"
        " WHERE id = (SELECT id FROM bookings WHERE request_id = $1)",
    ):
        await rows(cluster, "booking", change, *([request_id] if "$1" in change else []))
    await asyncio.to_thread(cluster.restart, "booking")


async def write_to_the_hotel(cluster: LocalCluster, gateway: Gateway, phone: str) -> None:
    """A chat message before the booking, so that there is a conversation to be linked."""
    message = {"message_id": unique("m"), "contact": phone, "text": "¿Hay lugar?"}
    message["sent_at"] = datetime.now(UTC).isoformat()
    await gateway.publish("posada.conversations.messages", message)

    async def kept() -> bool:
        return bool((await rows(cluster, "conversations", MESSAGE_IS_THERE, message["message_id"]))[0][0])

    await wait_for(kept, what="the chat message to be kept", timeout_s=10)
