"""Folios: what the staff takes, charges and gives back, each once, and what is owed after it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.folio.model import Folio
from services.payments.transfers.payment import payment_id_of
from shared.contracts.payments import PaymentReserved
from tests.support.builders.payments import booking, capture, release, reserve, transfer
from tests.support.sagas.payments_service import House

T1 = payment_id_of("kafka", "T1")
BOOKING = f"/bookings/{booking()}"


def cash(amount: str = "100.00", **facts: Any) -> dict[str, Any]:
    known = {"payment_id": str(uuid4()), "method": "cash", "amount": amount, "currency": "USD", "staff": "Marta"}
    return known | facts


def charge(amount: str = "50.00", **facts: Any) -> dict[str, Any]:
    return {"charge_id": str(uuid4()), "amount": amount, "currency": "USD", "reason": "bar", "staff": "Marta"} | facts


def refund(**facts: Any) -> dict[str, Any]:
    return {"refund_id": str(uuid4()), "reason": "left a day early", "staff": "Marta"} | facts


async def paid(house: House, amount: str = "690.00") -> None:
    await house.tell(transfer(amount=amount), reserve(slip_amount=amount), capture())


async def audited(house: House) -> None:
    audit = await house.get("/payments/audit")
    assert audit["agrees"], audit


async def test_a_balance_is_what_it_costs_less_what_was_paid(house: House) -> None:
    await house.tell(transfer(), reserve())
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "690.00"
    await house.tell(capture())
    await house.put(f"{BOOKING}/charges", charge("50.00"))
    house.clock.forward(timedelta(minutes=1))
    folio = await house.put(f"{BOOKING}/charges", charge("5.50", kind="fee", reason="late checkout"))
    assert (folio["charges"], folio["fees"], folio["balance"]) == ("50.00", "5.50", "55.50")
    folio = await house.put(f"{BOOKING}/payments", cash("60.00", method="upi", reference="upi-77"))
    assert (folio["captured"], folio["balance"]) == ("750.00", "-4.50")
    told = await house.get(f"{BOOKING}/payments")
    assert {one["method"]: one["captured"] for one in told["payments"]} == {"bank_transfer": "690.00", "upi": "60.00"}
    await house.put(f"/payments/{T1}/refunds", refund(booking_id=str(booking()), amount="90.00"))
    folio = await house.get(f"{BOOKING}/balance")
    assert (folio["refunded"], folio["balance"]) == ("90.00", "85.50")
    assert [(line["kind"], line["amount"], line["staff"]) for line in folio["lines"]] == [
        ("charge", "50.00", "Marta"),
        ("fee", "5.50", "Marta"),
    ]
    await audited(house)


@pytest.mark.parametrize("what", ["payments", "charges"])
async def test_the_same_id_counts_once_and_never_for_something_else(house: House, what: str) -> None:
    await paid(house)
    body = cash() if what == "payments" else charge()
    first = await house.put(f"{BOOKING}/{what}", body)
    assert await house.put(f"{BOOKING}/{what}", body) == first
    refused = await house.put(f"{BOOKING}/{what}", body | {"amount": "1.00"}, 422)
    assert refused["error"]["reason"] == "done_otherwise"
    await audited(house)


async def test_money_of_a_day_to_come_is_not_taken(house: House) -> None:
    await paid(house)
    tomorrow = (house.clock() + timedelta(days=2)).date().isoformat()
    refused = await house.put(f"{BOOKING}/payments", cash(received_on=tomorrow), 422)
    assert (refused["error"]["reason"], refused["error"]["details"]["field"]) == ("invalid_request", "received_on")


async def test_a_booking_that_waits_goes_on_with_cash(house: House) -> None:
    await house.tell(reserve())
    short = await house.put(f"{BOOKING}/payments", cash("600.00"), 422)
    assert short["error"]["details"]["difference"] == "90.00"
    await house.put(f"{BOOKING}/payments", cash("700.00"))
    (reply,) = await house.sent()
    assert isinstance(reply, PaymentReserved)
    assert reply.amount == Decimal("690.00")
    await house.tell(capture())
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "0.00"
    await audited(house)


async def test_a_refund_gives_all_or_a_part_back_once(house: House) -> None:
    await paid(house, "1000.00")
    part = refund(booking_id=str(booking()), amount="100.00")
    for _ in range(2):
        told = await house.put(f"/payments/{T1}/refunds", part)
        assert (told["refunded"], told["left"]) == ("100.00", "310.00")
    other = await house.put(f"/payments/{T1}/refunds", part | {"amount": "99.00"}, 422)
    assert other["error"]["reason"] == "done_otherwise"
    too_much = await house.put(f"/payments/{T1}/refunds", refund(booking_id=str(booking()), amount="590.01"), 422)
    assert too_much["error"]["details"]["refundable"] == "590.00"
    told = await house.put(f"/payments/{T1}/refunds", refund(booking_id=str(booking())))
    assert told["refunded"] == "690.00"
    told = await house.put(f"/payments/{T1}/refunds", refund())  # what nobody used
    assert (told["refunded"], told["left"]) == ("1000.00", "0.00")
    nothing = await house.put(f"/payments/{T1}/refunds", refund(), 422)
    assert nothing["error"]["reason"] == "nothing_to_refund"
    *_, last = await house.get(f"/payments/{T1}/entries")
    assert (last["kind"], last["staff"], last["reason"]) == ("refunded", "Marta", "left a day early")
    await audited(house)


async def test_one_refund_id_is_not_used_for_two_payments(house: House) -> None:
    await house.tell(transfer(), transfer("T2"))
    body = refund()
    await house.put(f"/payments/{T1}/refunds", body)
    other = await house.put(f"/payments/{payment_id_of('kafka', 'T2')}/refunds", body, 422)
    assert other["error"]["reason"] == "done_otherwise"


async def test_another_bookings_money_is_not_given_back(house: House) -> None:
    await paid(house)
    for other in (str(booking("other")), str(uuid4())):
        refused = await house.put(f"/payments/{T1}/refunds", refund(booking_id=other), 422)
        assert refused["error"]["reason"] == "nothing_to_refund"
    reserved = transfer("T2", "10.00")
    await house.tell(reserved, reserve("second", "10.00"))
    only_reserved = refund(booking_id=str(booking("second")))
    refused = await house.put(f"/payments/{payment_id_of('kafka', 'T2')}/refunds", only_reserved, 422)
    assert refused["error"]["reason"] == "nothing_to_refund"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (f"{BOOKING}/payments", cash(currency="EUR"), "payment_in_another_currency"),
        (f"{BOOKING}/charges", charge(currency="EUR"), "payment_in_another_currency"),
        (f"/bookings/{UUID(int=1)}/payments", cash(), "booking_unknown"),
        (f"/bookings/{UUID(int=1)}/charges", charge(), "booking_unknown"),
        (f"/payments/{UUID(int=1)}/refunds", refund(), "payment_unknown"),
        (f"/bookings/{booking('given up')}/payments", cash(), "payment_settled"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(house: House, path: str, body: Any, reason: str) -> None:
    await paid(house)
    await house.tell(reserve("given up"), release("given up"))
    assert (await house.put(path, body, 422))["error"]["reason"] == reason


@pytest.mark.parametrize(
    "bad", [{"amount": "0"}, {"amount": "-1"}, {"amount": "1.005"}, {"staff": ""}, {"currency": "$"}]
)
async def test_a_body_that_cannot_be_names_its_field(house: House, bad: dict[str, Any]) -> None:
    await paid(house)
    answer = await house.put(f"{BOOKING}/payments", cash() | bad, 422)
    assert next(iter(bad)) in str(answer)


async def test_nobody_moves_money_without_the_token(house: House) -> None:
    await paid(house)
    for path, body in (
        (f"{BOOKING}/payments", cash()),
        (f"{BOOKING}/charges", charge()),
        (f"/payments/{T1}/refunds", refund()),
    ):
        answer = await house.client.post(path, json=body, headers={"Authorization": "Bearer guessed"})
        assert answer.status_code == 401
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "0.00"


sums = some.decimals(0, 10_000, places=2)


@given(sums, sums, sums, sums, sums)
def test_whoever_pays_what_is_owed_owes_nothing(
    total: Decimal, charges: Decimal, fees: Decimal, captured: Decimal, refunded: Decimal
) -> None:
    folio = Folio(total, charges, fees, captured, refunded)
    assert Folio(total, charges, fees, captured + folio.balance, refunded).balance == 0
