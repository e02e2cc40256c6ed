"""A booking on the very payment that a verification named: its property's, enough, and named to this caller alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from pydantic import SecretStr

from services.payments.transfers.naming import VALID_FOR
from services.payments.transfers.payment import payment_id_of
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.contracts.common import PaymentMethod
from shared.contracts.contact import TOKEN, RequestingContact, caller_of
from shared.contracts.payments import Evidence, PaymentRefused, PaymentReserved, PaymentVerified, VerifyPayment
from shared.database.pool import Database
from tests.support.builders.payments import NOW, SLIP_DATE, capture, card, record_of, reserve, transfer
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House

GATEWAY = "gateway/tests"  # the sender of `record_of`
ANA = RequestingContact(wa_id="50371234567")
SLIP = {"slip_date": SLIP_DATE, "slip_amount": "690.00", "booking_amount": "690.00"}
T1 = str(payment_id_of("kafka", "T1"))
_numbers = count()


async def verified(house: House, contact: RequestingContact = ANA, **facts: Any) -> PaymentVerified:
    question = VerifyPayment(request_id="q", contact=contact, **(facts or SLIP))
    await process_records(house.consumer, [record_of(question, "q", next(_numbers))])
    (answer,) = house.post.taken()
    assert isinstance(answer, PaymentVerified)
    return answer


async def booked(house: House, payment_id: str | None, caller: str | None, **facts: Any) -> str:
    """The end of a booking that gives a payment's id."""
    name, amount = f"b{next(_numbers)}", facts.pop("amount", "690.00")
    command = reserve(name, amount, **facts)
    evidence = Evidence(method=PaymentMethod.CARD_LINK, payment_id=payment_id, named_to=caller, payer="Ana Paz")
    (reply,) = await house.tell(command.model_copy(update={"evidence": evidence}))
    if isinstance(reply, PaymentReserved):
        assert reply.payment_id == payment_id
        await house.tell(capture(name, f"HR{name}"))
        return "reserved"
    assert isinstance(reply, PaymentRefused)
    return reply.refusal.reason


OF_ANA = caller_of(GATEWAY, ANA)


async def test_exactly_the_named_payment_is_reserved(house: House) -> None:
    await house.tell(transfer(payer="Ana Paz"), transfer("T2", payer="Luis Mora"))
    answer = await verified(house, **SLIP, payer="Ana Paz")
    assert (answer.result, answer.payment_id) == ("found", T1)
    assert await booked(house, answer.payment_id, OF_ANA) == "reserved"
    assert await booked(house, answer.payment_id, OF_ANA) == "payment_used"


@pytest.mark.parametrize(
    "caller",
    [
        None,
        "guessed",
        caller_of(GATEWAY, RequestingContact(wa_id="50370000000")),
        caller_of("gateway/another", ANA),
        caller_of("", ANA),
        caller_of(f"{TOKEN}ana", ANA),
    ],
)
async def test_what_was_named_to_one_is_no_other_s(house: House, caller: str | None) -> None:
    await house.tell(transfer())
    assert (await verified(house)).payment_id == T1
    assert await booked(house, T1, caller) == "payment_not_verified"
    assert await booked(house, T1, OF_ANA) == "reserved"


@pytest.mark.parametrize("payment_id", ["p-1", T1, str(payment_id_of("kafka", "T2"))])
async def test_an_id_that_nobody_named_is_none(house: House, payment_id: str) -> None:
    await house.tell(transfer())
    assert await booked(house, payment_id, OF_ANA) == "payment_not_verified"


async def test_without_a_contact_nothing_is_named(house: House) -> None:
    await house.tell(transfer())
    assert (await verified(house, RequestingContact())).payment_id == T1
    assert await booked(house, T1, caller_of(GATEWAY, RequestingContact())) == "payment_not_verified"
    assert await booked(house, T1, OF_ANA) == "payment_not_verified"


async def test_it_is_bound_to_property_amount_currency_and_time(house: House) -> None:
    await house.tell(transfer(amount="1000.00"))
    await verified(house, **SLIP | {"slip_amount": "1000.00"})
    assert await booked(house, T1, OF_ANA, property_id="elsewhere") == "payment_not_verified"
    assert await booked(house, T1, OF_ANA, currency="EUR") == "payment_not_verified"
    assert await booked(house, T1, OF_ANA, amount="690.01") == "payment_not_verified", "more than was asked about"
    house.clock.now = NOW + VALID_FOR + timedelta(seconds=1)
    assert await booked(house, T1, OF_ANA) == "payment_not_verified"
    await verified(house, **SLIP | {"slip_amount": "1000.00"})
    assert await booked(house, T1, OF_ANA) == "reserved", "asked again, it is named again"


async def test_what_was_used_meanwhile_is_refused_with_the_difference(house: House) -> None:
    await house.tell(card(amount="1000.00"))
    answer = await verified(house, authorization_number="A7")
    assert await booked(house, answer.payment_id, OF_ANA) == "reserved"
    assert await booked(house, answer.payment_id, OF_ANA) == "payment_insufficient"
    assert await booked(house, answer.payment_id, OF_ANA, amount="310.00") == "reserved"
    assert await booked(house, answer.payment_id, OF_ANA, amount="1.00") == "payment_used"


@pytest.mark.parametrize("there", [[], [transfer("A"), transfer("B")]], ids=["not yet", "ambiguous"])
async def test_only_what_is_found_is_named(house: House, there: list[Any]) -> None:
    await house.tell(*there)
    await verified(house)
    async with house.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM named_payments") == 0


async def test_beside_a_slip_a_named_payment_counts_first_and_another_id_for_nothing(house: House) -> None:
    await house.tell(transfer(payer="Ana Paz"), transfer("T2", payer="Luis Mora"))
    await verified(house, **SLIP, payer="Ana Paz")
    (stranger,) = await house.tell(reserve("s", payer="Luis Mora", payment_id=T1, named_to=caller_of("", ANA)))
    (named,) = await house.tell(reserve("n", payer="Luis Mora", payment_id=T1, named_to=OF_ANA))
    (again,) = await house.tell(reserve("a", payer="Ana Paz", payment_id=T1, named_to=OF_ANA))
    assert isinstance(stranger, PaymentReserved)
    assert isinstance(named, PaymentReserved)
    assert (stranger.payment_id, named.payment_id) == (str(payment_id_of("kafka", "T2")), T1)
    assert isinstance(again, PaymentRefused)
    assert again.refusal.reason == "payment_used"


async def test_over_http_a_payment_is_named_to_the_token(database: Database, payments_url: str) -> None:
    secret = new_secret()
    house = House(database, payments_url, api_keys={"a": secret})
    await house.tell(transfer())
    question = VerifyPayment(request_id="q", **SLIP).model_dump(mode="json", exclude_none=True)
    token = issue({"a": SecretStr(secret)}, Caller("ana", Role.DESK), system_clock(), timedelta(hours=1))
    answer = await house.client.post("/payments/verify", json=question, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["payment_id"] == T1, answer.text
    assert await booked(house, T1, caller_of(f"{TOKEN}luis", ANA)) == "payment_not_verified"
    assert await booked(house, T1, caller_of(GATEWAY, ANA)) == "payment_not_verified"
    assert await booked(house, T1, caller_of(f"{TOKEN}ana", ANA)) == "reserved"
