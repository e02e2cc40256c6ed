"""Corrections of folios: charges are reversed once, refunds keep what charges need, and stay due until handed out."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.folio.price_handlers import reprice_booking
from services.payments.requests.terms import Terms
from services.payments.transfers.payment import payment_id_of, payment_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import BookingRepriced, FolioChanged, RepriceBooking
from tests.database.payments.folio.test_folios import BOOKING, audited, charge, paid, refund
from tests.support.builders.payments import NOW, booking, record_of, transfer
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House

pytestmark = pytest.mark.real
T1 = payment_id_of("kafka", "T1")


def cancelled(fee: str = "0.00", change: int = 1, total: str = "0.00") -> RepriceBooking:
    return RepriceBooking(
        booking_id=booking(),
        change=change,
        total=total,
        fee=fee,
        currency="USD",
        refunds=True,
        who="Marta",
        reason="cancelled",
    )


async def test_cancelling_keeps_the_money_that_charges_need(house: House) -> None:
    """Minibar 50, paid 690: 640 goes back, nothing is owed, and the charges stay paid."""
    await paid(house)
    await house.put(f"{BOOKING}/charges", charge("50.00"))
    await house.sent()
    (reply,) = await house.tell(cancelled())
    assert isinstance(reply, BookingRepriced)
    assert (reply.refund, reply.paid) == (Decimal("640.00"), Decimal("50.00"))
    folio = await house.get(f"{BOOKING}/balance")
    assert (folio["total"], folio["charges"], folio["refunded"], folio["balance"]) == (
        "0.00",
        "50.00",
        "640.00",
        "0.00",
    )
    await audited(house)


async def test_the_fee_of_an_earlier_change_is_kept_too(house: House) -> None:
    await paid(house)
    await house.tell(cancelled("10.00", 1, "500.00"))
    await process_records(house.consumer, [record_of(cancelled("20.00", 2), "the second")])
    (reply,) = house.post.taken()
    assert isinstance(reply, BookingRepriced)
    assert reply.paid == Decimal("30.00")
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "0.00"


async def test_charges_above_what_was_paid_are_owed_and_nothing_goes_back(house: House) -> None:
    await paid(house)
    await house.put(f"{BOOKING}/charges", charge("700.00"))
    (reply,) = [one for one in await house.tell(cancelled("10.00")) if isinstance(one, BookingRepriced)]
    assert reply.refund == 0
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "20.00"


async def test_a_charge_is_reversed_once_with_who_and_why(house: House) -> None:
    await paid(house)
    bar = charge("50.00")
    await house.put(f"{BOOKING}/charges", bar)
    await house.sent()
    reversal = f"{BOOKING}/charges/{bar['charge_id']}/reversal"
    for _ in range(2):
        folio = await house.put(reversal, {"staff": "Luis", "reason": "the room next door"})
        assert (folio["charges"], folio["balance"]) == ("0.00", "0.00")
    (line,) = folio["lines"]
    assert (line["staff"], line["reversed_by"], line["reversed_because"]) == ("Marta", "Luis", "the room next door")
    (told,) = await house.sent()
    assert isinstance(told, FolioChanged)
    assert told.charges == 0
    (reply,) = await house.tell(cancelled())
    assert isinstance(reply, BookingRepriced)
    assert reply.refund == Decimal("690.00")
    await audited(house)


async def test_what_is_no_charge_of_the_booking_is_not_reversed(house: House) -> None:
    await paid(house)
    body = {"staff": "Luis", "reason": "no"}
    unknown = await house.put(f"{BOOKING}/charges/{uuid4()}/reversal", body, 422)
    assert unknown["error"]["reason"] == "charge_unknown"
    await house.tell(cancelled("10.00"))
    (fee,) = (await house.get(f"{BOOKING}/balance"))["lines"]
    refused = await house.put(f"{BOOKING}/charges/{fee['id']}/reversal", body, 422)
    assert refused["error"]["reason"] == "fee_of_a_change"


async def test_of_two_reversals_at_once_one_counts(house: House) -> None:
    await paid(house)
    bar = charge("50.00")
    await house.put(f"{BOOKING}/charges", bar)
    reversal = f"{BOOKING}/charges/{bar['charge_id']}/reversal"
    both = await asyncio.gather(*(house.put(reversal, {"staff": who, "reason": "twice"}) for who in ("A", "B")))
    assert [folio["charges"] for folio in both] == ["0.00", "0.00"]
    await audited(house)


async def test_a_refund_is_due_until_somebody_hands_it_out(house: House) -> None:
    await paid(house)
    await house.tell(cancelled("100.00"))
    by_hand = refund(amount="310.00")
    (due,) = await house.get("/refunds?state=due&property_id=las-hojas")
    assert (due["amount"], due["booking_id"], due["staff"], due["state"]) == ("590.00", str(booking()), "Marta", "due")
    assert await house.get("/refunds?property_id=elsewhere") == []
    handout = f"/payments/{T1}/refunds/{due['refund_id']}/handout"
    given_out = {"way": "transfer", "note": "TEF 99", "staff": "Luis"}
    for _ in range(2):
        done = await house.put(handout, given_out)
        assert (done["state"], done["way"], done["note"], done["handed_out_by"]) == (
            "done",
            "transfer",
            "TEF 99",
            "Luis",
        )
    other = await house.put(handout, given_out | {"way": "cash"}, 422)
    assert other["error"]["reason"] == "done_otherwise"
    assert await house.get("/refunds?state=due") == []
    assert [one["state"] for one in await house.get("/refunds")] == ["done"]
    unknown = await house.put(f"/payments/{T1}/refunds/{by_hand['refund_id']}/handout", given_out, 422)
    assert unknown["error"]["reason"] == "refund_unknown"


@pytest.mark.parametrize("table", ["charge_reversals", "handouts"])
async def test_corrections_only_grow(house: House, table: str) -> None:
    async with house.database.connection() as connection:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 — of ours


cents = some.integers(0, 100_000).map(lambda number: Decimal(number) / 100)


@given(cents, cents, cents, cents)
def test_a_refund_is_what_was_paid_less_all_that_it_costs_and_never_below_zero(
    had: Decimal, charged: Decimal, earlier: Decimal, fee: Decimal
) -> None:
    uow = UnitOfWork(Terms())
    uow.charged[booking()] = charged
    payment = payment_of(transfer(amount=str(had + 1)), NOW)  # a payment may have money left for others
    payment = payment.reserve(had, booking(), NOW).capture(had, booking(), ["HR1"], NOW)
    uow.put_payment(payment)
    uow.paid[payment.id, booking()] = had
    before = cancelled(str(earlier), 1, str(had))
    reprice_booking(uow, before, NOW)
    (reply,) = reprice_booking(uow, cancelled(str(fee), 2), NOW)
    assert isinstance(reply, BookingRepriced)
    assert reply.refund == max(Decimal(0), had - fee - earlier - charged)
