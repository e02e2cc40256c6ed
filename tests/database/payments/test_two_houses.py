"""Money that two properties share: each sees of it what is its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.database.pool import Database
from tests.support.builders.payments import SLIP_DATE, booking, capture, reserve, transfer
from tests.support.sagas.payments_service import House

pytestmark = pytest.mark.real
SECRET = new_secret()


async def asked(house: House, path: str, *properties: str, body: dict[str, Any] | None = None) -> Any:
    caller = Caller("ana", Role.DESK, frozenset(properties) if properties else None)
    token = issue({"a": SecretStr(SECRET)}, caller, system_clock(), timedelta(hours=1))
    method = "GET" if body is None else "POST"
    answer = await house.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def house(database: Database, payments_url: str) -> House:
    return House(database, payments_url, api_keys={"a": SECRET})


async def test_a_payment_of_two_bookings_shows_each_property_its_own(house: House) -> None:
    await house.tell(transfer(amount="1000.00"))
    await house.tell(reserve("ours", slip_amount="1000.00"))
    await house.tell(reserve("theirs", "100.00", slip_amount="1000.00", property_id="elsewhere"))
    await house.tell(capture("ours", "HR1"), capture("theirs", "EW1"))
    path = f"/bookings/{booking('ours')}/payments"
    (whole,), (part,) = (await asked(house, path))["payments"], (await asked(house, path, "las-hojas"))["payments"]
    assert (whole["codes"], part["codes"]) == (["HR1", "EW1"], ["HR1"])
    assert [len(one["bookings"]) for one in (whole, part)] == [2, 1]
    assert "EW1" not in str(part)
    assert str(booking("theirs")) not in str(part)


async def test_money_that_another_property_used_is_not_there_for_a_question(house: House) -> None:
    await house.tell(transfer(reference="77"))
    await house.tell(reserve("theirs", property_id="elsewhere", reference="77"))
    await house.tell(capture("theirs", "EW1"))
    question = {
        "reference": "77",
        "request_id": "q1",
        "property_id": "las-hojas",
        "slip_date": SLIP_DATE.isoformat(),
        "slip_amount": "690.00",
    }
    used = await asked(house, "/payments/verify", body=question)
    assert (used["result"], used["codes"]) == ("used", ["EW1"])
    unknown = await asked(house, "/payments/verify", "las-hojas", body=question)
    assert (unknown["result"], unknown["payment_id"], unknown["codes"]) == ("not_yet", None, [])


async def test_a_case_shows_no_payment_of_another_property(house: House) -> None:
    await house.tell(transfer())
    await house.tell(reserve("theirs", property_id="elsewhere"))
    await house.tell(capture("theirs", "EW1"), transfer("T2"), transfer("T3"))
    await house.tell(reserve("ours"))
    path = f"/bookings/{booking('ours')}/payment-case"
    assert "EW1" in str(await asked(house, path))
    told = await asked(house, path, "las-hojas")
    assert {one["transfer_id"] for one in told["payments"]} == {"T2", "T3"}
    assert "EW1" not in str(told)


async def test_money_taken_under_the_id_of_another_bookings_is_refused_and_not_lost(house: House) -> None:
    await house.tell(transfer(amount="2000.00"))
    await house.tell(reserve("one", slip_amount="2000.00"), reserve("other", slip_amount="2000.00"))
    await house.tell(capture("one"), capture("other"))
    body = {"payment_id": str(uuid4()), "method": "cash", "amount": "9.00", "currency": "USD", "staff": "Marta"}
    await house.put(f"/bookings/{booking('one')}/payments", body)
    refused = await house.put(f"/bookings/{booking('other')}/payments", body, 422)
    assert refused["error"]["reason"] == "done_otherwise"
    await house.put(f"/bookings/{booking('one')}/payments", body)
