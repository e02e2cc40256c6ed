"""Desk and guests reach for the same money: what holds when they meet, and that it is the guards that hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import pytest

from services.payments.cases.commands import ChooseTransfer
from services.payments.cases.handlers import choose_transfer
from services.payments.folio import handlers
from services.payments.folio.commands import RefundPayment
from services.payments.queries import Queries
from services.payments.repository import Repository
from services.payments.requests.handlers import capture_payment, reserve_payment
from services.payments.transfers.payment import payment_id_of
from shared.database.pool import Database
from shared.database.statements import execute_together
from shared.errors import Conflict, Refusal
from shared.messages.message import Message
from tests.database.payments.requests.test_races import Unguarded, instance
from tests.support.builders.payments import NOW, TERMS, booking, capture, record_of, reserve, transfer
from tests.support.doubles.transport import process_records

REPOSITORY = Repository(TERMS)
T1 = payment_id_of("kafka", "T1")
GUARDS = ("payments_not_overdrawn_check", "payments_not_negative_check")
# How who was second ends behind each guard alone: refused, told to look again, or failed and tried again later.
LOSER = {"locking": "Refusal", "versions": "Conflict", "constraint": "CheckViolationError"}


class Deed(NamedTuple):
    """What somebody does: a handler and its message."""

    handle: Callable[..., Any]
    command: Message


def refund(amount: str | None = None, name: str | None = "first") -> Deed:
    command = RefundPayment(
        refund_id=uuid4(),
        payment_id=T1,
        booking_id=booking(name) if name else None,
        amount=amount,
        reason="left early",
        staff="Marta",
    )
    return Deed(handlers.refund_payment, command)


def wanted(name: str, amount: str, slip: str) -> Deed:
    return Deed(reserve_payment, reserve(name, amount, slip_amount=slip))


def chosen(name: str) -> Deed:
    command = ChooseTransfer(booking_id=booking(name), payment_id=T1, staff="Marta")
    return Deed(choose_transfer, command)


async def meet(
    database: Database, first: Deed, second: Deed, *, locking: bool = False, versions: bool = False
) -> list[str]:
    """Two transactions that have both looked, as far as locks let them, before either writes; how each ended."""
    looked = [asyncio.Event(), asyncio.Event()]

    async def act(place: int, deed: Deed) -> str:
        async with database.transaction() as real:
            connection: Any = Unguarded(real, locking=locking, versions=versions)
            uow = await REPOSITORY.load(connection, [deed.command], NOW)
            sends = list(deed.handle(uow, deed.command, NOW))
            looked[place].set()
            with suppress(TimeoutError):  # the other waits for our locks, or was refused behind them
                await asyncio.wait_for(looked[1 - place].wait(), 0.5)
            await execute_together(connection, await REPOSITORY.save(connection, uow, NOW))
        return type(sends[0]).__name__ if sends else "done"

    ends = await asyncio.gather(act(0, first), act(1, second), return_exceptions=True)
    for end in ends:
        assert isinstance(end, str | Refusal | Conflict | asyncpg.CheckViolationError), repr(end)
    return sorted(end if isinstance(end, str) else type(end).__name__ for end in ends)


async def state(database: Database) -> tuple[Decimal, Decimal, Decimal]:
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT reserved, captured, refunded FROM payments WHERE id = $1", T1)
    return row["reserved"], row["captured"], row["refunded"]


async def live(database: Database, *messages: Message) -> None:
    consumer, _ = instance(database)
    for message in messages:
        await process_records(consumer, [record_of(message)])


async def without_constraints(database: Database) -> None:
    async with database.connection() as connection:
        for guard in GUARDS:
            await connection.execute(f"ALTER TABLE payments DROP CONSTRAINT {guard}")


TWICE_REFUNDED = (Decimal(0), Decimal("-690.00"), Decimal("1380.00"))


@pytest.mark.parametrize("guard", ["locking", "versions", "constraint"])
async def test_two_refunds_of_the_same_money_give_it_back_once(database: Database, guard: str) -> None:
    await live(database, transfer(), reserve(), capture())
    if guard != "constraint":
        await without_constraints(database)
    ends = await meet(database, refund(), refund(), locking=guard == "locking", versions=guard == "versions")
    assert ends == sorted(["FolioChanged", LOSER[guard]])
    assert await state(database) == (0, 0, Decimal("690.00"))
    assert (await Queries(database).audit()).disagreements == 0


async def test_with_every_guard_off_the_money_goes_back_twice(database: Database) -> None:
    """The proof that the test above tests something."""
    await live(database, transfer(), reserve(), capture())
    await without_constraints(database)
    assert await meet(database, refund(), refund()) == ["FolioChanged"] * 2
    assert await state(database) == TWICE_REFUNDED
    assert (await Queries(database).audit()).disagreements == 1  # the ledger itself says that too much went out


@pytest.mark.parametrize("guard", ["locking", "versions", "constraint"])
async def test_what_is_left_goes_to_a_booking_or_back_to_the_guest(database: Database, guard: str) -> None:
    await live(database, transfer(amount="1000.00"), reserve(slip_amount="1000.00"), capture())
    if guard != "constraint":
        await without_constraints(database)
    deeds = wanted("second", "310.00", "1000.00"), refund(name=None)
    await meet(database, *deeds, locking=guard == "locking", versions=guard == "versions")
    reserved, captured, refunded = await state(database)
    assert captured == Decimal("690.00")
    assert sorted([reserved, refunded]) == [0, Decimal("310.00")]
    assert (await Queries(database).audit()).disagreements == 0


async def test_with_every_guard_off_it_goes_to_both(database: Database) -> None:
    await live(database, transfer(amount="1000.00"), reserve(slip_amount="1000.00"), capture())
    await without_constraints(database)
    await meet(database, wanted("second", "310.00", "1000.00"), refund(name=None))
    assert await state(database) == (Decimal("310.00"), Decimal("690.00"), Decimal("310.00"))


@pytest.mark.parametrize("first", ["capture", "refund"])
async def test_a_refund_while_capturing_comes_before_it_or_behind_it(database: Database, first: str) -> None:
    """Nothing of a booking can go back before it is captured, and all of it afterwards."""
    await live(database, transfer(), reserve())
    deeds = [Deed(capture_payment, capture()), refund()]
    ends = await meet(database, *(deeds if first == "capture" else reversed(deeds)), locking=True, versions=True)
    refunded = "Refusal" not in ends
    assert "PaymentCaptured" in ends
    assert await state(database) == ((0, 0, Decimal("690.00")) if refunded else (0, Decimal("690.00"), 0))
    assert (await Queries(database).audit()).disagreements == 0


async def test_one_payment_serves_two_bookings_at_once(database: Database) -> None:
    await live(database, transfer(amount="1380.00"))
    deeds = [wanted(name, "690.00", "1380.00") for name in ("first", "second")]
    assert await meet(database, *deeds, locking=True, versions=True) == ["PaymentReserved", "PaymentReserved"]
    assert await state(database) == (Decimal("1380.00"), 0, 0)


async def test_the_staff_gives_one_transfer_to_two_bookings_and_one_gets_it(database: Database) -> None:
    await live(database, transfer(posted_on="2025-01-02"), reserve("first"), reserve("second"))
    ends = await meet(database, chosen("first"), chosen("second"), locking=True, versions=True)
    assert ends == ["PaymentReserved", "Refusal"]
    assert await state(database) == (Decimal("690.00"), 0, 0)


async def test_desk_and_guests_fight_over_one_payment(database: Database) -> None:
    """Forty deeds at once through the real shells: whatever wins, the ledger and the balances tell one story."""
    await live(database, transfer(amount="3450.00"), reserve("old", slip_amount="3450.00"), capture("old", "HR1"))
    office, _ = instance(database)

    async def desk(number: int) -> bool:
        deed = refund("100.00", "old" if number % 2 else None)
        try:
            await office.execute(deed.command)
        except (Refusal, Conflict):
            return False
        return True

    async def guest(number: int) -> None:
        consumer, _ = instance(database)
        name = f"guest {number}"
        await process_records(consumer, [record_of(reserve(name, slip_amount="3450.00"))])
        async with database.connection() as connection:
            sql = "SELECT status FROM payment_requests WHERE booking_id = $1"
            if await connection.fetchval(sql, booking(name)) == "reserved":
                await process_records(consumer, [record_of(capture(name, f"HR-{number}"))])

    done = await asyncio.gather(*[desk(number) for number in range(20)], *[guest(number) for number in range(20)])
    reserved, captured, refunded = await state(database)
    assert (reserved, refunded) == (0, 100 * sum(one is True for one in done))
    assert captured + refunded <= Decimal("3450.00")
    assert refunded > 0
    assert (await Queries(database).audit()).disagreements == 0
