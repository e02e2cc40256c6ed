"""Builds payments' messages and worlds for tests: say only what matters, the rest is a plain three-room booking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from services.payments.requests.request import Status
from services.payments.requests.terms import Terms
from services.payments.transfers.ledger import NOTHING, Entry, Kind, Sums
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import (
    CapturePayment,
    Evidence,
    ReleasePayment,
    ReservePayment,
    SearchDue,
    TransferArrived,
)
from shared.messages.message import Envelope, Message, message_types
from shared.outbox.row import Row

NOW = datetime(2025, 3, 15, 18, 0, tzinfo=UTC)
SLIP_DATE = date(2025, 3, 14)
COST = Decimal("690.00")
TERMS = Terms()
_TESTS = UUID("5d2b1c3e-0a52-4a4f-9d5e-3f0a7c9d1e01")


def booking(name: str = "first") -> UUID:
    """A booking's id by a name."""
    return uuid5(_TESTS, name)


def transfer(transfer_id: str = "T1", amount: str = "690.00", **facts: Any) -> TransferArrived:
    """Money that arrived on the slip's date."""
    return TransferArrived(**{"transfer_id": transfer_id, "amount": amount, "posted_on": SLIP_DATE} | facts)


def card(number: str = "A7", amount: str = "690.00", **facts: Any) -> TransferArrived:
    """A card authorisation that arrived."""
    method = PaymentMethod.CARD_LINK
    return transfer(f"card-{number}", amount, method=method, authorization_number=number, source="compraclick", **facts)


def reserve(name: str = "first", amount: str = "690.00", **evidence: Any) -> ReservePayment:
    """A request with a slip over its whole amount, unless the evidence says otherwise."""
    slip = {"method": PaymentMethod.BANK_TRANSFER, "slip_date": SLIP_DATE, "slip_amount": amount}
    property_id = evidence.pop("property_id", "las-hojas")
    currency = evidence.pop("currency", "USD")
    return ReservePayment(
        booking_id=booking(name),
        property_id=property_id,
        amount=amount,
        currency=currency,
        evidence=Evidence(**slip | evidence),
    )


def reserve_by_card(name: str = "first", amount: str = "690.00", number: str = "A7") -> ReservePayment:
    """A request with a card's authorisation number."""
    evidence = Evidence(method=PaymentMethod.CARD_LINK, authorization_number=number)
    return ReservePayment(
        booking_id=booking(name), property_id="las-hojas", amount=amount, currency="USD", evidence=evidence
    )


def capture(name: str = "first", *codes: str) -> CapturePayment:
    """A capture for reservation codes, three by default."""
    return CapturePayment(booking_id=booking(name), codes=codes or ("HR26181", "HR26182", "HR26183"))


def release(name: str = "first") -> ReleasePayment:
    """A release."""
    return ReleasePayment(booking_id=booking(name))


def search(name: str = "first", stage: int = 1, attempt: int = 1) -> SearchDue:
    """A timer that rings."""
    return SearchDue(booking_id=booking(name), stage=stage, attempt=attempt)


def promised(uow: UnitOfWork) -> dict[UUID, Decimal]:
    """What each payment owes by the requests that it serves, to be held against what it says itself."""
    sums = dict.fromkeys(uow.payments, Decimal(0))
    for request in uow.requests.values():
        if request.payment_id and request.status in {Status.RESERVED, Status.CAPTURED}:
            sums[request.payment_id] += request.amount
    return sums


class Ticking:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


class Post:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    async def send(self, row: Row) -> asyncio.Future[Any]:
        """Take a row; it has arrived at once."""
        self.rows.append(row)
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arrived.set_result(None)
        return arrived

    def taken(self) -> list[Message]:
        """Everything since the last time, as messages."""
        rows, self.rows = self.rows, []
        return [message_of(row) for row in rows]


def message_of(row: Row) -> Message:
    """The message in a row."""
    model = message_types()[dict(row.headers)["ce_type"].decode()]
    return model.from_wire(row.body or b"", "")


def record_of(message: Message, event_id: str | None = None, offset: int = 0) -> ConsumerRecord[bytes, bytes]:
    """A Kafka record as another service would have sent it."""
    known = event_id or f"{message.type_name}/{message.key}/{offset}"
    return _record(
        message.topic.name,
        message.key.encode(),
        message.model_dump_json(exclude_none=True).encode(),
        Envelope(id=known, type=message.type_name, source="tests", time=NOW).headers(),
        offset,
    )


def record_of_row(row: Row) -> ConsumerRecord[bytes, bytes]:
    """A Kafka record as the relay would have sent it."""
    return _record(row.topic, row.key.encode(), row.body or b"", row.headers, 0)


def _record(topic: str, key: bytes, body: bytes, headers: Any, offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, offset, 0, 0, key, body, None, len(key), len(body), tuple(headers))


def summed(entries: Iterable[Entry]) -> Sums:
    """The sums of one payment's entries."""
    totals = dict.fromkeys(Kind, NOTHING)
    returned = NOTHING
    codes: list[str] = []
    for entry in entries:
        totals[entry.kind] += entry.amount
        codes += entry.codes
        if entry.kind is Kind.REFUNDED and entry.booking_id:
            returned += entry.amount
    return Sums(**{kind.value: amount for kind, amount in totals.items()}, returned=returned, codes=tuple(codes))
