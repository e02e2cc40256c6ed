"""Online payment by Stripe's own library, against a double that speaks Stripe's HTTP."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import SecretStr, ValidationError

from services.payments.online.port import GatewayDown, GatewayRefused, NewOrder
from services.payments.online.stripe_checkout import StripeCheckout, in_units, of_units
from services.payments.settings import Settings
from shared.contracts.payments import PaymentReserved
from tests.support.builders.payments import reserve_by_card
from tests.support.doubles.slow_server import answering_in_drops
from tests.support.doubles.stripe import KEY, SECRET, StripeDouble, signed
from tests.support.sagas.payments_service import House

HOOK = "/webhooks/stripe"


def order(amount: str = "690.00", currency: str = "USD") -> dict[str, Any]:
    return {
        "order_id": str(uuid4()),
        "property_id": "las-hojas",
        "amount": amount,
        "currency": currency,
        "description": "Three bungalows, 15 March",
        "email": "ana@example.com",
    }


async def called(house: House, body: bytes, signature: str | None, status: int = 200) -> Any:
    headers = {"Stripe-Signature": signature.encode("latin-1")} if signature is not None else {}
    answer = await house.client.post(HOOK, content=body, headers=headers | {"Authorization": b""})
    assert answer.status_code == status, answer.text
    return answer.json()


async def payments(house: House) -> list[Any]:
    async with house.database.connection() as connection:
        return await connection.fetch("SELECT * FROM payments")


async def test_a_guest_pays_online_and_the_booking_takes_the_money(online: House, provider: StripeDouble) -> None:
    record = await online.put("/payment-orders", order())
    assert record["url"].startswith("https://checkout.stripe.example/")
    session = list(provider.sessions.values())[-1]
    assert (session["amount_total"], session["currency"]) == (69_000, "usd")
    waits = await online.tell(reserve_by_card(number=record["authorization_number"]))
    assert [type(one).__name__ for one in waits] == ["PaymentAwaited"]
    body = provider.webhook(session)
    assert await called(online, body, signed(body)) == {"recorded": True}
    (reply,) = await online.sent()
    assert isinstance(reply, PaymentReserved)
    (payment,) = await payments(online)
    assert (payment["source"], payment["amount"], payment["payer"]) == ("stripe", Decimal("690.00"), "Ana Paz")
    assert (payment["property_id"], payment["authorization_number"]) == ("las-hojas", record["order_id"])


async def test_a_webhook_that_comes_again_counts_once(online: House, provider: StripeDouble) -> None:
    await online.put("/payment-orders", order())
    session = list(provider.sessions.values())[-1]
    for kind in ("checkout.session.completed", "checkout.session.async_payment_succeeded") * 2:
        body = provider.webhook(session, kind)
        await called(online, body, signed(body))
    assert len(await payments(online)) == 1


@pytest.mark.parametrize(
    "signature",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "t=1,v1=00",
        lambda _: "t=now,v1=00",
        lambda body: signed(body, "whsec_of_others"),
        lambda body: signed(body, age_s=301),
        lambda body: signed(body + b" "),
        lambda body: signed(body).replace("v1=", "v0="),
        lambda body: signed(body).replace("v1=", "v1=é"),
    ],
    ids=[
        "none",
        "empty",
        "guessed",
        "no number",
        "another secret",
        "too old",
        "another body",
        "older scheme",
        "not ASCII",
    ],
)
async def test_what_stripe_has_not_signed_lately_is_refused(
    online: House, provider: StripeDouble, signature: Any
) -> None:
    await online.put("/payment-orders", order())
    body = provider.webhook(list(provider.sessions.values())[-1])
    await called(online, body, signature(body), 400)
    assert await payments(online) == []


async def test_a_signature_of_almost_five_minutes_is_taken(online: House, provider: StripeDouble) -> None:
    await online.put("/payment-orders", order())
    body = provider.webhook(list(provider.sessions.values())[-1])
    assert await called(online, body, signed(body, age_s=280)) == {"recorded": True}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("checkout.session.completed", {"payment_status": "unpaid"}),  # paid later, by a slow method
        ("checkout.session.expired", {}),
        ("customer.created", {}),
        ("checkout.session.completed", {"client_reference_id": None}),
        ("checkout.session.completed", {"metadata": {}}),
    ],
)
async def test_what_is_no_money_of_ours_is_answered_and_passed_over(
    online: House, provider: StripeDouble, kind: str, changes: dict[str, Any]
) -> None:
    await online.put("/payment-orders", order())
    body = provider.webhook(list(provider.sessions.values())[-1], kind, **changes)
    assert await called(online, body, signed(body)) == {"recorded": False}
    assert await payments(online) == []


async def test_a_webhook_too_large_is_not_read_to_its_end(online: House) -> None:
    body = b" " * 300_000
    await called(online, body, signed(body), 413)


async def test_the_same_order_is_made_once(online: House, provider: StripeDouble) -> None:
    wanted, before = order(), len(provider.sessions)
    first = await online.put("/payment-orders", wanted)
    assert await online.put("/payment-orders", wanted) == first
    other = await online.put("/payment-orders", wanted | {"amount": "1.00"}, 422)
    assert other["error"]["reason"] == "done_otherwise"
    assert len(provider.sessions) == before + 1


async def test_an_order_whose_answer_was_lost_is_the_same_when_asked_again(
    online: House, provider: StripeDouble
) -> None:
    wanted, before = order(), len(provider.sessions)
    provider.fail = [500, 500, 500]  # the library itself asks three times
    answer = await online.client.post("/payment-orders", json=wanted)
    assert (answer.status_code, "same order_id" in answer.text) == (503, True)
    record = await online.put("/payment-orders", wanted)
    assert record["url"]
    assert len(provider.sessions) == before + 1


async def test_what_stripe_never_takes_is_refused_with_its_reason(online: House) -> None:
    refused = await online.put("/payment-orders", order("0.10"), 422)
    assert "amount_too_small" in refused["error"]["text"]
    refused = await online.put("/payment-orders", order("10.50", "JPY"), 422)
    assert "whole number" in refused["error"]["text"]


async def test_orders_ask_for_the_token_and_the_webhook_for_the_signature_alone(online: House, house: House) -> None:
    answer = await online.client.post("/payment-orders", json=order(), headers={"Authorization": "Bearer guessed"})
    assert answer.status_code == 401
    assert (await house.client.post(HOOK, content=b"{}")).status_code == 404  # no secrets, no webhook


def test_half_of_the_secrets_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="POSADA_STRIPE_WEBHOOK_SECRET"):
        Settings(stripe_key=SecretStr(KEY))


@given(some.decimals(0, 99_999_999, places=2), some.sampled_from(["USD", "EUR", "KWD", "JPY"]))
def test_units_are_there_and_back_the_same(amount: Decimal, currency: str) -> None:
    if currency == "JPY" and amount != int(amount):
        with pytest.raises(GatewayRefused):
            in_units(amount, currency)
        return
    assert of_units(in_units(amount, currency), currency) == amount


async def test_an_answer_in_drops_is_none() -> None:
    order = NewOrder(uuid4(), "las-hojas", Decimal(690), "USD", "A stay")
    async with answering_in_drops() as url, asyncio.timeout(30):
        settings = Settings(outbound_allowed=["127.0.0.0/8"])
        allowed, terms = settings.outbound, settings.terms()
        where = {"success_url": "https://a.example", "base_url": url, "seconds": 0.2}
        gateway = StripeCheckout(KEY, SECRET, terms=terms, allowed=allowed, **where)
        with pytest.raises(GatewayDown):
            await gateway.order(order)
