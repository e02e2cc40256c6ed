"""How much a role may give back and charge: settings, with a remedy where it is more."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr, ValidationError

from services.payments.settings import OwnTerms, Settings
from services.payments.transfers.payment import payment_id_of
from shared.auth.money_limits import by_role, most
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.database.pool import Database
from tests.support.builders.payments import booking, capture, reserve, transfer
from tests.support.sagas.payments_service import House

SECRET = new_secret()
REFUND = f"/payments/{payment_id_of('kafka', 'T1')}/refunds"
CHARGE = f"/bookings/{booking()}/charges"
LIMITS = {"refund_limits": {"desk": 100, "manager": 300}, "charge_limits": {"desk": 50}}


async def asked(house: House, role: Role | None, path: str, amount: str | None, **more: Any) -> tuple[int, Any]:
    """Ask as somebody of a role, or with the shared token."""
    caller = Caller("ana", role or Role.ADMIN)
    token = issue({"a": SecretStr(SECRET)}, caller, system_clock(), timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"} if role else {}
    body = {"reason": "a day early", "staff": "Marta", "currency": "USD", "amount": amount}
    body |= {"refund_id": str(uuid4()), "booking_id": str(booking())} if path == REFUND else {"charge_id": str(uuid4())}
    answer = await house.client.post(path, json=body | more, headers=headers)
    return answer.status_code, answer.json()


@pytest.fixture
async def paid(database: Database, payments_url: str) -> House:
    house = House(database, payments_url, api_keys={"a": SECRET}, property_terms={}, **LIMITS)
    await house.tell(transfer(), reserve(), capture())
    return house


@pytest.mark.real
class TestRefunds:
    async def test_a_desk_gives_back_a_little_and_not_by_small_parts(self, paid: House) -> None:
        first = {"refund_id": str(uuid4())}
        assert (await asked(paid, Role.DESK, REFUND, "60.00", **first))[0] == 200
        status, told = await asked(paid, Role.DESK, REFUND, "40.01")
        assert (status, told["error"]["reason"]) == (422, "over_limit")
        assert told["error"]["details"] == {"field": "amount", "limit": "100.00", "role": "desk"}
        assert told["error"]["text"].startswith("amount: 100.01 of this payment would be given back by then")
        assert "ask somebody with a higher one" in told["error"]["text"]
        assert (await asked(paid, Role.DESK, REFUND, "40.00"))[0] == 200
        assert (await asked(paid, Role.DESK, REFUND, "60.00", **first))[0] == 200  # what was done is told again

    async def test_all_of_it_counts_by_what_it_is(self, paid: House) -> None:
        for role in (Role.DESK, Role.MANAGER):
            assert (await asked(paid, role, REFUND, None))[1]["error"]["reason"] == "over_limit"
        assert (await asked(paid, Role.ADMIN, REFUND, None))[0] == 200

    async def test_the_shared_token_has_no_limit(self, paid: House) -> None:
        assert (await asked(paid, None, REFUND, "690.00"))[0] == 200


@pytest.mark.real
async def test_a_charge_has_its_limit(paid: House) -> None:
    status, told = await asked(paid, Role.DESK, CHARGE, "50.01")
    assert (status, told["error"]["reason"], told["error"]["details"]["limit"]) == (422, "over_limit", "50.00")
    assert (await asked(paid, Role.DESK, CHARGE, "50.00"))[0] == 200
    assert (await asked(paid, Role.MANAGER, CHARGE, "9000.00"))[0] == 200


@pytest.mark.real
async def test_a_property_has_limits_of_its_own(database: Database, payments_url: str) -> None:
    own = {"las-hojas": OwnTerms(refund_limits={Role.DESK: Decimal(0)})}
    house = House(database, payments_url, api_keys={"a": SECRET}, property_terms=own, **LIMITS)
    await house.tell(transfer(), reserve(), capture())
    assert (await asked(house, Role.DESK, REFUND, "0.01"))[1]["error"]["details"]["limit"] == "0.00"
    assert (await asked(house, Role.MANAGER, REFUND, "600.00"))[0] == 200
    assert (await asked(house, Role.DESK, CHARGE, "50.01"))[1]["error"]["reason"] == "over_limit"


def test_nobody_may_more_than_a_higher_role() -> None:
    limits = {Role.DESK: Decimal(500), Role.MANAGER: Decimal(100)}
    assert [most(limits, role) for role in Role] == [100, 100, 100, None]
    assert by_role(limits) == {"viewer": 100, "desk": 100, "manager": 100}


def test_by_default_a_desk_may_little_a_manager_more_and_an_admin_any() -> None:
    terms = Settings().terms()
    for limits in (terms.usual.refund_limits, terms.usual.charge_limits):
        assert 0 < limits["desk"] < limits["manager"]
        assert "admin" not in limits


@pytest.mark.parametrize("wrong", [{"boss": 1}, {"desk": -1}, {"desk": "much"}])
def test_a_limit_that_cannot_be_one_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="refund_limits"):
        Settings(refund_limits=wrong)
