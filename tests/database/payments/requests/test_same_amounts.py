"""Weeks of a hotel that sells the same amounts: nobody is refused because of somebody else's payment.

The arithmetic is the generator's: every guest has paid once, so every booking ends paid, every payment ends used, and
only a slip that is shown again is refused, with its own codes.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from services.payments.transfers.payment import payment_id_of
from shared.contracts.payments import PaymentRefused, PaymentReserved, PaymentVerified, ReservePayment, VerifyPayment
from shared.contracts.topics import internal
from shared.messages.message import Message
from tests.support.builders.payments import NOW, capture, message_of, record_of, record_of_row
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House
from tests.support.sagas.same_amounts import Sale, Season
from tests.support.scale import scaled

pytestmark = [pytest.mark.real, pytest.mark.long]
SALES = scaled(4000, part=240)
SEED = 7
STEP = timedelta(minutes=30)
OWN_TIMERS = internal("payments").name
CODE = re.compile(r"HR[\w-]+")


class Replay:
    """A season told to payments in steps, with a front desk that decides what payments hand to it."""

    def __init__(self, house: House, season: Season) -> None:
        self.house = house
        self.sales = {sale.name: sale for sale in season}
        self.names = {sale.booking_id: sale.name for sale in self.sales.values()}
        self.ended: dict[str, Message] = {}
        self.decided = 0
        self._order = count()
        told = [
            pair
            for sale in self.sales.values()
            for pair in ((sale.asks_at, sale.asks), (sale.arrives_at, sale.arrives))
        ]
        self._coming = [(at, next(self._order), message) for at, message in told]
        heapify(self._coming)

    async def run(self) -> None:
        """Play it to its end: everything told, and no booking open."""
        self.house.clock.now = NOW - timedelta(hours=3)
        while self._coming or len(self.ended) < len(self.sales):
            self.house.clock.forward(STEP)
            due: list[Message] = []
            while self._coming and self._coming[0][0] <= self.house.clock():
                due.append(heappop(self._coming)[-1])
            await self._tell(*self._questions(due), *due)
            await self._ring()
            await self._decide()

    def _questions(self, due: list[Message]) -> list[Message]:
        """A question before each third booking, as a gateway asks it."""
        asking = [self._sale(message.booking_id) for message in due if isinstance(message, ReservePayment)]
        return [
            VerifyPayment(request_id=sale.name, booking_amount=sale.amount, **sale.slip)
            for sale in asking
            if len(sale.name) % 3 == 0
        ]

    async def _tell(self, *messages: Message) -> None:
        if messages:
            await process_records(self.house.consumer, [record_of(message) for message in messages])
            await self._heard()

    async def _ring(self) -> None:
        await self.house.relay.sweep()
        timers = [row for row in self.house.post.rows if row.topic == OWN_TIMERS]
        await self._heard()
        if timers:
            await process_records(self.house.consumer, [record_of_row(row) for row in timers])
            await self._heard()

    async def _heard(self) -> None:
        rows, self.house.post.rows = self.house.post.rows, []
        answers = [message_of(row) for row in rows if row.topic != OWN_TIMERS]
        captures: list[Message] = []
        for answer in answers:
            if isinstance(answer, PaymentVerified):
                self._own_codes_alone(self.sales[answer.request_id], answer)
            if not isinstance(answer, PaymentReserved | PaymentRefused):
                continue
            sale = self._sale(answer.booking_id)
            assert sale.name not in self.ended, "a booking has one end"
            self.ended[sale.name] = answer
            if isinstance(answer, PaymentRefused):
                self._own_codes_alone(sale, answer)
            else:
                captures.append(capture(sale.name, sale.code))
                if answer.payment_id == str(payment_id_of("kafka", f"T{sale.name}")):
                    self._show_again(sale)
        await self._tell(*captures)

    def _show_again(self, sale: Sale) -> None:
        """One slip in ten is shown for a second booking a day later; of those alone that the bank names as well."""
        if "reference" in sale.line and sale.slip.get("reference") and int(sale.name) % 10 == 0:
            again = sale.shown_again(self.house.clock() + timedelta(hours=20))
            self.sales[again.name], self.names[again.booking_id] = again, again.name
            heappush(self._coming, (again.asks_at, next(self._order), again.asks))

    def _sale(self, booking_id: UUID) -> Sale:
        return self.sales[self.names[booking_id]]

    def _own_codes_alone(self, sale: Sale, answer: Message) -> None:
        own = {one.code for one in self.sales.values() if one.guest == sale.guest}
        assert set(CODE.findall(answer.model_dump_json())) <= own, "a guest read another guest's code"

    async def _decide(self) -> None:
        """The front desk knows its guests: a case waits for the guest's own money, or gets that of whoever has it."""
        for case in await self.house.get("/payment-cases?limit=1000"):
            path = f"/bookings/{case['booking_id']}/payment-case"
            if free := await self._free(self._sale(UUID(case["booking_id"]))):
                self.decided += 1
                await self.house.put(f"{path}/choice", {"payment_id": free, "staff": "Eva"})
        await self.house.relay.sweep()
        await self._heard()

    async def _free(self, sale: Sale) -> str | None:
        async with self.house.database.connection() as connection:
            free = await connection.fetch(
                "SELECT id, transfer_id FROM payments WHERE has_money AND amount = $1 ORDER BY transfer_id <> $2",
                Decimal(sale.amount),
                f"T{sale.name}",
            )
            used = await connection.fetchval(
                "SELECT true FROM payments WHERE NOT has_money AND transfer_id = $1", f"T{sale.name}"
            )
        own_or_any = free and (used or free[0]["transfer_id"] == f"T{sale.name}")
        return str(free[0]["id"]) if own_or_any else None


async def test_who_has_paid_is_never_refused(house: House) -> None:
    replay = Replay(house, Season(SALES, seed=SEED))
    await replay.run()
    ends: Counter[Any] = Counter()
    for sale in replay.sales.values():
        answer = replay.ended[sale.name]
        reason = answer.refusal.reason if isinstance(answer, PaymentRefused) else "paid"
        ends["again" if sale.again else "first", reason] += 1
    shown_again = sum(sale.again for sale in replay.sales.values())
    assert shown_again > SALES / 100
    assert ends == {("first", "paid"): SALES, ("again", "payment_used"): shown_again}
    assert replay.decided < SALES / 20, "what is certain needs no staff"
    async with house.database.connection() as connection:
        captured, free = await connection.fetchrow(
            "SELECT sum(captured), count(*) FILTER (WHERE has_money) FROM payments"
        )
    assert captured == sum(Decimal(sale.amount) for sale in replay.sales.values() if not sale.again)
    assert free == 0, "no guest's money lies unclaimed"
