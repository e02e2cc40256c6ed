"""Money that the bank takes back: what is free of it is blocked, staff are told, and told again nothing changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.requests.search_handlers import source_told, transfer_arrived, transfer_reversed
from services.payments.transfers import Contradiction, Payment
from services.payments.transfers.ledger import audit
from services.payments.transfers.payment import balance_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import TransferReversed
from tests.support.builders.payments import NOW, SLIP_DATE, TERMS, booking, summed, transfer


def gone(amount: str = "690.00", reversal_id: str = "R1", **facts: Any) -> TransferReversed:
    """The bank takes T1 back."""
    told = {"transfer_id": "T1", "reversal_id": reversal_id, "amount": amount, "posted_on": SLIP_DATE} | facts
    return TransferReversed.model_validate(told)


def only(uow: UnitOfWork) -> Payment:
    (payment,) = uow.payments.values()
    return payment


@pytest.fixture
def uow() -> UnitOfWork:
    uow = UnitOfWork(TERMS)
    transfer_arrived(uow, transfer(), NOW)
    return uow


def test_what_is_free_is_blocked_and_staff_are_told(uow: UnitOfWork) -> None:
    (alert,) = source_told(uow, gone("400.00"), NOW)
    assert isinstance(alert, StaffAlerted)
    assert alert.code == "transfer_reversed"
    assert "400.00 of it was free and can no longer be used" in alert.text
    assert (only(uow).left, only(uow).reversed) == (Decimal("290.00"), Decimal("400.00"))


def test_told_again_it_changes_nothing(uow: UnitOfWork) -> None:
    transfer_reversed(uow, gone("400.00"), NOW)
    assert transfer_reversed(uow, gone("400.00"), NOW) == []
    assert transfer_reversed(uow, gone("290.00", "R2"), NOW) != []
    assert only(uow).left == 0


def test_what_is_in_use_stays_and_is_blocked_once_it_is_free(uow: UnitOfWork) -> None:
    uow.put_payment(only(uow).reserve(Decimal("600.00"), booking(), NOW))
    (alert,) = transfer_reversed(uow, gone(), NOW)
    assert isinstance(alert, StaffAlerted)
    assert "90.00 of it was free" in alert.text
    assert "Bookings count on 600.00" in alert.text
    assert (only(uow).left, only(uow).reserved) == (0, Decimal("600.00"))
    uow.put_payment(only(uow).release(Decimal("600.00"), booking(), NOW))
    assert only(uow).left == 0, "nobody books on it any more"


def test_a_reversal_of_what_nobody_told_of_leaves_nothing_to_book_on() -> None:
    uow = UnitOfWork(TERMS)
    (alert,) = transfer_reversed(uow, gone(), NOW)
    assert isinstance(alert, StaffAlerted)
    assert "look for its money under another id" in alert.text
    assert "can no longer be used" not in alert.text, "the money may be there under another id"
    assert only(uow).left == 0
    assert transfer_arrived(uow, transfer(), NOW) == [], "the credit itself, when its file comes later"
    assert only(uow).left == 0


@pytest.mark.parametrize("wrong", [gone("690.01"), gone(currency="EUR")])
def test_more_than_arrived_is_not_taken_back(uow: UnitOfWork, wrong: TransferReversed) -> None:
    with pytest.raises(Contradiction):
        transfer_reversed(uow, wrong, NOW)
    assert only(uow).left == Decimal("690.00")


def test_a_line_with_another_date_is_a_contradiction(uow: UnitOfWork) -> None:
    """An id that a bank gives twice, for the same amount on two days, is told and not taken for a repetition."""
    with pytest.raises(Contradiction, match="posted_on"):
        transfer_arrived(uow, transfer(posted_on=SLIP_DATE.replace(day=20)), NOW)


@given(some.lists(some.tuples(some.sampled_from(["take", "reserve", "release", "capture"]), some.integers(1, 300))))
def test_balances_and_entries_agree_and_nothing_taken_back_is_left(steps: list[tuple[str, int]]) -> None:
    uow = UnitOfWork(TERMS)
    transfer_arrived(uow, transfer(), NOW)
    for number, (step, cents) in enumerate(steps):
        payment, amount, owner = only(uow), Decimal(cents), booking(str(number))
        if step == "take" and payment.reversed + amount <= payment.amount:
            transfer_reversed(uow, gone(str(amount), f"R{number}"), NOW)
        elif step == "reserve" and amount <= payment.left:
            uow.put_payment(payment.reserve(amount, owner, NOW))
        elif step in {"release", "capture"} and amount <= payment.reserved:
            uow.put_payment(
                payment.release(amount, owner, NOW)
                if step == "release"
                else payment.capture(amount, owner, ["HR1"], NOW)
            )
    payment = only(uow)
    assert audit(balance_of(payment), summed(payment.entries)) == []
    assert payment.left <= max(payment.amount - payment.reversed, Decimal(0))
