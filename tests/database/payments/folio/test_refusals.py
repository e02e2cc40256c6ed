"""Whatever a person or a gateway asks about a booking's money, wherever that is: done or refused, never a fault."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from services.payments.cases.commands import ChooseTransfer, DeclinePayment
from services.payments.cases.handlers import choose_transfer, decline_payment
from services.payments.consumers import routes
from services.payments.folio import handlers
from services.payments.folio.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.repository import Repository
from services.payments.requests.search_handlers import mark_frustrated, withdraw_payment
from services.payments.transfers.payment import payment_id_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import MarkFrustrated, RequestRefused, WithdrawPayment
from shared.errors import Refusal
from shared.messages.message import Message
from tests.support.builders.payments import NOW, SLIP_DATE, TERMS, booking, capture, release, reserve, transfer
from tests.support.sagas.payments_service import House

BOOKING = booking()
T1 = payment_id_of("kafka", "T1")
MONEY = {"booking_id": BOOKING, "amount": "9.00", "currency": "USD", "staff": "Marta"}
DECIDED = {"booking_id": BOOKING, "staff": "Marta"}
BEFORE: dict[str, Sequence[Message]] = {
    "unknown": (transfer(),),
    "waiting": (reserve(), transfer("T2")),
    "reserved": (transfer(), reserve()),
    "captured": (transfer(), reserve(), capture()),
    "released": (transfer(), reserve(), release()),
    "released before it was asked for": (transfer(), release()),
    "withdrawn": (reserve(), WithdrawPayment(booking_id=BOOKING)),
    "frustrated": (reserve(), MarkFrustrated(booking_id=BOOKING)),
}
ASKED: dict[str, Message] = {
    "withdraw": WithdrawPayment(booking_id=BOOKING),
    "frustrate": MarkFrustrated(booking_id=BOOKING),
    "choose": ChooseTransfer(payment_id=T1, **DECIDED),
    "choose another": ChooseTransfer(payment_id=uuid4(), **DECIDED),
    "decline": DeclinePayment(**DECIDED),
    "take": RecordPayment(payment_id=uuid4(), method="cash", received_on=SLIP_DATE, **MONEY),
    "charge": AddCharge(charge_id=uuid4(), kind="charge", reason="bar", **MONEY),
    "refund": RefundPayment(refund_id=uuid4(), payment_id=T1, reason="ill", **DECIDED),
    "refund what is left": RefundPayment(refund_id=uuid4(), payment_id=T1, reason="ill", staff="Marta"),
    "refund nothing known": RefundPayment(refund_id=uuid4(), payment_id=uuid4(), reason="ill", **DECIDED),
}
HANDLES: dict[type[Message], Any] = {
    WithdrawPayment: withdraw_payment,
    MarkFrustrated: mark_frustrated,
    ChooseTransfer: choose_transfer,
    DeclinePayment: decline_payment,
    RecordPayment: handlers.record_payment,
    AddCharge: handlers.add_charge,
    RefundPayment: handlers.refund_payment,
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("before", BEFORE)
def test_it_is_done_or_refused(before: str, asked: str) -> None:
    uow = UnitOfWork(TERMS)
    table = routes(Repository(TERMS)).table
    for message in BEFORE[before]:
        table[type(message)].handle(uow, message, NOW)
    if before == "captured":
        uow.paid[T1, BOOKING] = Decimal("690.00")
    try:
        list(HANDLES[type(ASKED[asked])](uow, ASKED[asked], NOW))
    except Refusal as refusal:
        assert refusal.text


@pytest.mark.real
@pytest.mark.parametrize(
    ("before", "asked", "reason"),
    [
        ("captured", "withdraw", "payment_settled"),
        ("reserved", "withdraw", "payment_settled"),
        ("unknown", "withdraw", "booking_unknown"),
        ("unknown", "frustrate", "booking_unknown"),
    ],
)
async def test_a_gateway_is_told_what_is_not_done(house: House, before: str, asked: str, reason: str) -> None:
    for message in BEFORE[before]:
        await house.tell(message)
    (told,) = await house.tell(ASKED[asked])
    assert isinstance(told, RequestRefused)
    assert (told.booking_id, told.refusal.reason) == (BOOKING, reason)
    assert told.asked == {"withdraw": "withdrawal", "frustrate": "frustration"}[asked]
    assert await house.tell(ASKED[asked]) == []  # told once, and no dead letter
