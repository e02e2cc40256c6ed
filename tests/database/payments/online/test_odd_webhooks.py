"""Stripe's webhooks beside the plain one: of other shops, with odd names, paid days later, in any order."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.payments import PaymentReserved
from tests.support.builders.payments import reserve_by_card
from tests.support.doubles.stripe import StripeDouble, signed
from tests.support.paths import CASES
from tests.support.sagas.payments_service import House


async def called(house: House, event: Any, status: int = 200) -> Any:
    body = json.dumps(event).encode()
    answer = await house.client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signed(body)})
    assert answer.status_code == status, answer.text
    return answer.json()


async def payments(house: House) -> list[Any]:
    async with house.database.connection() as connection:
        return await connection.fetch("SELECT * FROM payments")


async def ordered(house: House, provider: StripeDouble) -> dict[str, Any]:
    """A session of ours, as Stripe knows it."""
    facts = {"property_id": "las-hojas", "amount": "690.00", "currency": "USD", "description": "Three bungalows"}
    await house.put("/payment-orders", {"order_id": str(uuid4())} | facts)
    return list(provider.sessions.values())[-1]


def case(name: str, file: str) -> Any:
    return json.loads((CASES / name / file).read_text())


FOREIGN = case("stripe-foreign-session", "event.json")
WITHOUT = object()  # the field is left out


def foreign(**changes: Any) -> dict[str, Any]:
    session = FOREIGN["data"]["object"] | changes
    return FOREIGN | {"data": {"object": {name: value for name, value in session.items() if value is not WITHOUT}}}


@pytest.mark.parametrize(
    "event",
    [
        FOREIGN,
        foreign(client_reference_id=None),
        foreign(client_reference_id=WITHOUT),
        foreign(metadata=None),
        foreign(metadata=WITHOUT),
        foreign(metadata=["1001"]),
        foreign(client_reference_id="1001"),
        foreign(metadata={"order_id": "1001", "property_id": "7"}),
        foreign(metadata={"order_id": 1001, "property_id": 7}, client_reference_id=1001),
        foreign(payment_status="no_payment_required", mode="setup"),
        foreign(payment_status=WITHOUT),
        FOREIGN | {"data": {}},
        FOREIGN | {"data": {"object": []}},
        FOREIGN | {"data": None},
        FOREIGN | {"type": None},
        {"object": "event"},
        [],
        "event",
    ],
)
async def test_a_session_of_another_shop_is_answered_and_left(online: House, event: Any) -> None:
    """Case stripe-foreign-session: an error would have Stripe repeat it for days and turn the endpoint off."""
    assert await called(online, event) == {"recorded": False}
    assert await payments(online) == []


@pytest.mark.parametrize(
    ("details", "payer"),
    [
        ({"name": "Ana " * 60}, ("Ana " * 50).strip()),
        ({"name": "Ana\tMaría\nPaz\r\n"}, "Ana María Paz"),
        ({"name": "\x00Ana\u2028Paz\x7f"}, "Ana Paz"),
        ({"name": " \n "}, None),
        ({"name": None}, None),
        ({"name": {"first": "Ana"}}, None),
        ({}, None),
        (None, None),
        ("Ana", None),
    ],
)
async def test_no_name_keeps_money_out(online: House, provider: StripeDouble, details: Any, payer: str | None) -> None:
    """Case stripe-name-blocks-money: what describes the payer is made fit."""
    session = await ordered(online, provider)
    body = json.loads(provider.webhook(session, customer_details=details))
    assert await called(online, body) == {"recorded": True}
    (payment,) = await payments(online)
    assert (payment["amount"], payment["payer"]) == (Decimal("690.00"), payer)


async def test_ours_without_an_amount_is_repeated_and_breaks_nothing(online: House, provider: StripeDouble) -> None:
    session = await ordered(online, provider)
    for changes in ({"amount_total": None}, {"currency": None}, {"amount_total": "much"}, {"amount_total": 0}):
        answer = await called(online, json.loads(provider.webhook(session, **changes)), 422)
        assert "stripe tells of a payment" in answer["detail"]
    assert await payments(online) == []


UNPAID, LATER = (
    case("stripe-unpaid-then-async", "1-completed.json"),
    case("stripe-unpaid-then-async", "2-succeeded.json"),
)
FAILED = case("stripe-unpaid-then-async", "2b-failed.json")


def ours(event: dict[str, Any], session: dict[str, Any]) -> dict[str, Any]:
    """The case's event about a session that we ordered."""
    names = ("id", "client_reference_id", "metadata", "amount_total", "currency")
    told = event["data"]["object"] | {name: session[name] for name in names}
    return event | {"data": {"object": told}}


@pytest.mark.parametrize("order", [*permutations((UNPAID, LATER)), (UNPAID, LATER, LATER, UNPAID), (LATER, FAILED)])
async def test_what_is_paid_days_later_is_money_once_and_only_then(
    online: House, provider: StripeDouble, order: tuple[dict[str, Any], ...]
) -> None:
    """Case stripe-unpaid-then-async: completed is not yet paid; the success is, in any order and however often."""
    session = await ordered(online, provider)
    waits = await online.tell(reserve_by_card(number=session["client_reference_id"]))
    assert [type(one).__name__ for one in waits] == ["PaymentAwaited"]
    seen = False
    for event in order:
        first = event is LATER and not seen
        seen = seen or event is LATER
        assert await called(online, ours(event, session)) == {"recorded": event is LATER}
        assert [type(one) for one in await online.sent()] == ([PaymentReserved] if first else [])
        assert len(await payments(online)) == seen


async def test_what_never_succeeds_is_no_money(online: House, provider: StripeDouble) -> None:
    session = await ordered(online, provider)
    for event in (UNPAID, FAILED, UNPAID):
        assert await called(online, ours(event, session)) == {"recorded": False}
    assert await payments(online) == []
