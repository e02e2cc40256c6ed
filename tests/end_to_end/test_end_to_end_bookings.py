"""One booking, all the way: what the guest asked for, what was taken, and who heard of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from posada.town import Town
from tests.support.end_to_end_builders import fresh_night, money_for, request, room
from tests.support.end_to_end_gateway import REQUESTS, Gateway, rows, unique, wait_for
from tests.support.end_to_end_invariants import until_whole

CODES = "SELECT codes, captured, reserved FROM payments WHERE transfer_id = $1"
DELIVERIES = "SELECT channel, status, recipient, text FROM deliveries WHERE booking_id = $1 ORDER BY channel"
THREADS = "SELECT count(*) FROM threads WHERE booking_id = $1"
MESSAGE_IS_THERE = "SELECT count(*) FROM messages WHERE message_id = $1"


async def test_three_rooms_one_payment_three_codes(town: Town, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await write_to_the_hotel(town, gateway, wanted["contact"]["wa_id"])
    transfer = money_for(wanted)
    await gateway.pay([transfer])

    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    taken = outcome.body["rooms"]
    codes = [one["code"] for one in taken]
    assert len({one["room"] for one in taken}) == 3
    assert len(set(codes)) == 3
    assert all(code.startswith("HR") for code in codes)
    assert outcome.body["total"] == "690.00"
    assert all(code in outcome.body["text"] for code in codes)

    await until_whole(town)
    booking_id = outcome.body["booking_id"]
    [paid] = await rows(town, "payments", CODES, transfer["transfer_id"])
    assert (paid["codes"], paid["captured"], paid["reserved"]) == (codes, Decimal("690.00"), 0)
    told = await rows(town, "notifications", DELIVERIES, booking_id)
    assert [(one["channel"], one["status"]) for one in told if one["status"] != "standby"] == [
        ("email", "stored"),
        ("whatsapp", "stored"),
    ]
    assert all(code in one["text"] for one in told for code in codes)
    assert (await rows(town, "conversations", THREADS, booking_id))[0][0] == 1
    steps = [event.body["step"] for event in gateway.of_request(wanted["request_id"], "progressed")]
    assert steps[0] == "accepted"
    assert {"rooms_held", "payment_reserved", "payment_captured"} <= set(steps)


async def test_the_flat_form_has_the_same_outcome_as_a_list_of_one(town: Town, gateway: Gateway) -> None:
    night = fresh_night()
    listed = request(night, rooms=[room(adults=2)], amount="172.50")
    flat = {
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
    paid = {"payment": {"amount": "172.50", "authorization_number": flat["authorization_number"]}}
    await gateway.pay([money_for(listed), money_for(paid)])

    of_list, of_flat = await gateway.book(listed), await gateway.book(flat)

    differ = {"booking_id", "request_id", "guest", "contact", "at", "text", "rooms"}
    assert {k: v for k, v in of_list.body.items() if k not in differ} == {
        k: v for k, v in of_flat.body.items() if k not in differ
    }
    assert of_flat.kind == "confirmed"
    assert of_flat.body["total"] == "172.50"
    assert of_flat.body["text"].replace(of_flat.body["rooms"][0]["code"], "") == of_list.body["text"].replace(
        of_list.body["rooms"][0]["code"], ""
    )
    await until_whole(town)


async def test_the_same_request_twice_at_once_and_again_later(town: Town, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    name = wanted["request_id"]

    await asyncio.gather(gateway.publish(REQUESTS, wanted), gateway.publish(REQUESTS, wanted))
    first = await gateway.outcome(name)
    await until_whole(town)
    before = len(gateway.of_request(name, "confirmed"))
    await gateway.publish(REQUESTS, wanted)
    await wait_for(lambda: len(gateway.of_request(name, "confirmed")) > before, what="a second answer", timeout_s=10)

    answers = gateway.of_request(name, "confirmed", "refused", "failed")
    assert len(answers) >= 2
    assert {answer.id for answer in answers} == {first.id}
    assert all(answer.body == first.body for answer in answers)
    assert len(await rows(town, "booking", "SELECT FROM bookings WHERE request_id = $1", name)) == 1
    await until_whole(town)


async def write_to_the_hotel(town: Town, gateway: Gateway, phone: str) -> None:
    """A chat message before the booking, so that there is a conversation to be linked."""
    message = {"message_id": unique("m"), "contact": phone, "text": "¿Hay lugar?"}
    message["sent_at"] = datetime.now(UTC).isoformat()
    await gateway.publish("posada.conversations.messages", message)

    async def kept() -> bool:
        return bool((await rows(town, "conversations", MESSAGE_IS_THERE, message["message_id"]))[0][0])

    await wait_for(kept, what="the chat message to be kept", timeout_s=10)
