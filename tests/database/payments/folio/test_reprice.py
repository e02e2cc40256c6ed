"""What a booking costs once it changed or ended: what goes back, from which payment, once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.folio.price import shares
from services.payments.transfers.payment import Payment, payment_id_of
from shared.contracts.payments import BookingRepriced, FolioChanged, RepriceBooking
from shared.contracts.topics import dead
from tests.database.payments.folio.test_folios import BOOKING, T1, audited, cash, charge, paid, refund
from tests.support.builders.payments import NOW, booking, record_of, reserve, transfer
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House


def reprice(total: str = "0.00", fee: str = "0.00", change: int = 1, **more: Any) -> RepriceBooking:
    """What booking says; with refunds unless told otherwise."""
    facts = {"booking_id": booking(), "change": change, "total": total, "fee": fee, "currency": "USD", "who": "Marta"}
    return RepriceBooking.model_validate(facts | {"reason": "ill", "refunds": True} | more)


async def told(house: House, command: RepriceBooking) -> BookingRepriced:
    """The one answer to a command, each time under another event id: the command itself is known or not."""
    house.post.taken()
    await process_records(house.consumer, [record_of(command, str(uuid4()))])
    (reply,) = house.post.taken()
    assert isinstance(reply, BookingRepriced)
    return reply


async def test_a_cancellation_keeps_its_fee_and_gives_the_rest_back(house: House) -> None:
    await paid(house, "1000.00")  # for a booking of 690.00
    reply = await told(house, reprice(fee="100.00"))
    assert (reply.paid, reply.refund) == (100, 590)
    folio = await house.get(f"{BOOKING}/balance")
    assert (folio["total"], folio["fees"], folio["refunded"], folio["balance"]) == ("0.00", "100.00", "590.00", "0.00")
    assert (await house.get(f"/payments/{T1}"))["left"] == "310.00"
    *_, last = await house.get(f"/payments/{T1}/entries")
    assert (last["kind"], last["amount"], last["staff"], last["reason"]) == ("refunded", "590.00", "Marta", "ill")
    await audited(house)


async def test_asked_again_it_is_done_once_and_answered_alike(house: House) -> None:
    await paid(house)
    first = await told(house, reprice(fee="100.00"))
    state = await house.database_state()
    house.clock.forward(timedelta(days=1))
    assert await told(house, reprice(fee="100.00")) == first
    assert await house.database_state() == state


async def test_other_dates_change_the_balance_and_move_no_money(house: House) -> None:
    await paid(house)
    for change, total, balance in ((1, "900.00", "210.00"), (2, "600.00", "-90.00")):
        reply = await told(house, reprice(total, change=change, refunds=False))
        assert (reply.paid, reply.refund) == (690, 0)
        assert (await house.get(f"{BOOKING}/balance"))["balance"] == balance
    await audited(house)


async def test_what_was_paid_at_the_desk_goes_back_first_and_what_went_back_before_counts(house: House) -> None:
    await paid(house)
    house.clock.forward(timedelta(hours=1))
    desk = cash("60.00")
    await house.put(f"{BOOKING}/payments", desk)
    await house.put(f"/payments/{T1}/refunds", refund(booking_id=str(booking()), amount="90.00"))
    reply = await told(house, reprice(fee="500.00"))
    assert (reply.paid, reply.refund) == (500, 160)
    at_desk = payment_id_of("desk", desk["payment_id"])
    assert (await house.get(f"/payments/{at_desk}"))["refunded"] == "60.00"
    assert (await house.get(f"/payments/{T1}"))["refunded"] == "190.00"
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "0.00"
    await audited(house)


async def test_booking_hears_what_the_desk_takes_charges_and_gives_back(house: House) -> None:
    await paid(house)
    await told(house, reprice("690.00", "5.00", refunds=False))  # a fee of booking's own is none of its charges
    heard = []
    for path, body in (
        (f"{BOOKING}/payments", cash("60.00")),
        (f"{BOOKING}/charges", charge("50.00")),
        (f"/payments/{T1}/refunds", refund(booking_id=str(booking()), amount="90.00")),
    ):
        house.clock.forward(timedelta(minutes=1))
        await house.put(path, body)
        await house.put(path, body)  # the same id again changes nothing, and tells nothing
        heard += [(one.paid, one.charges, one.at) for one in await house.sent() if isinstance(one, FolioChanged)]
    assert [pair[:2] for pair in heard] == [(750, 0), (750, 50), (660, 50)]
    assert len({at for *_, at in heard}) == 3
    await audited(house)


async def test_a_fee_above_what_was_paid_is_owed(house: House) -> None:
    await paid(house)
    reply = await told(house, reprice(fee="700.00"))
    assert (reply.paid, reply.refund) == (690, 0)
    assert (await house.get(f"{BOOKING}/balance"))["balance"] == "10.00"


async def test_a_price_that_comes_before_its_capture_is_put_off(house: House) -> None:
    await house.tell(transfer(), reserve())
    state = await house.database_state()
    await process_records(house.consumer, [record_of(reprice())])
    (later,) = house.post.rows  # without pauses before second attempts it goes to the dead letters at once
    assert later.topic == dead("payments").name
    assert await house.database_state() == state


@given(some.lists(some.decimals(0, 1000, places=2), max_size=6), some.decimals(0, 3000, places=2))
def test_shares_never_exceed_what_payments_have_nor_what_is_due(kept: list[Decimal], amount: Decimal) -> None:
    pairs = [(_payment(number), most) for number, most in enumerate(kept)]
    found = shares(pairs, amount)
    most = {payment.id: limit for payment, limit in pairs}
    assert all(0 < share.amount <= most[share.payment.id] for share in found)
    assert sum(share.amount for share in found) == min(amount, sum(kept))
    arrived = [share.payment.arrived_at for share in found]
    assert arrived == sorted(arrived, reverse=True)


def _payment(number: int) -> Payment:
    facts = (uuid4(), "kafka", f"T{number}", "", "cash", Decimal(1000), "USD", NOW.date(), None, None, None)
    return Payment(*facts, NOW + timedelta(hours=number))  # type: ignore[arg-type]


@pytest.mark.parametrize("statement", ["UPDATE prices SET total = 1", "DELETE FROM prices"])
async def test_a_price_that_is_written_stays(house: House, statement: str) -> None:
    await paid(house)
    await house.tell(reprice())
    async with house.database.connection() as connection:
        with pytest.raises(Exception, match="only grows"):
            await connection.execute(statement)
