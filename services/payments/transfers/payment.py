"""A payment: money that arrived once, and how much of it is reserved, captured, refunded or left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeAlias
from uuid import UUID, uuid5

from services.payments.transfers.ledger import NOTHING, Balance, Entry, Kind
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import TransferArrived

_PAYMENTS = UUID("0d9c6f0e-0e2b-4b53-9a6e-5f1f1f3f7a10")
ANY_PROPERTY = ""
DESK = "desk"
# What a line of a feed says of its money, and must say again.
_TOLD = (
    "amount",
    "currency",
    "posted_on",
    "method",
    "payer",
    "reference",
    "authorization_number",
    "property_id",
)


def money(amount: Decimal) -> Decimal:
    """An amount with its cents written out; the messages admit no more than two decimals, so nothing is rounded."""
    return amount.quantize(NOTHING)


class DeskMethod(StrEnum):
    """How a guest pays at the desk."""

    CASH = "cash"
    CARD = "card"
    UPI = "upi"


Method: TypeAlias = PaymentMethod | DeskMethod


def method_of(word: str) -> Method:
    """The way of paying that a word means.

    Raises:
        ValueError: when there is none of that name.
    """
    return DeskMethod(word) if word in set(DeskMethod) else PaymentMethod(word)


class MoneyError(ValueError):
    """More was asked of a payment than it holds: a fault of whoever asked, never an answer to a guest."""


class Contradiction(ValueError):
    """A line of a feed that was recorded before, with other money in it."""


def payment_id_of(source: str, transfer_id: str) -> UUID:
    """The payment that a line of a feed becomes: the same id whenever and wherever the line is read."""
    return uuid5(_PAYMENTS, f"{source}\n{transfer_id}")


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer or card authorisation. `reserved`, `captured` and `refunded` never exceed `amount` together.

    Amounts are in `currency`, times in UTC, `posted_on` is the bank's own date. A `property_id` of "" serves every
    property. `codes` are the reservation codes in the order in which they were written. `entries` are what happened to
    it since it was read: whatever changes a balance makes its entry.
    """

    id: UUID
    source: str
    transfer_id: str
    property_id: str
    method: Method
    amount: Decimal
    currency: str
    posted_on: date
    payer: str | None
    reference: str | None
    authorization_number: str | None
    arrived_at: datetime
    reserved: Decimal = NOTHING
    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING
    codes: tuple[str, ...] = ()
    reserved_at: datetime | None = None
    captured_at: datetime | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def left(self) -> Decimal:
        """What can still be reserved."""
        return self.amount - self.reserved - self.captured - self.refunded

    @property
    def used_at(self) -> datetime | None:
        """When money of it was last taken or, while none is, set aside; None while it serves nobody."""
        if self.captured or self.refunded:
            return self.captured_at
        return self.reserved_at if self.reserved else None

    def reserve(self, amount: Decimal, booking_id: UUID, now: datetime, staff: str | None = None) -> Payment:
        """Set an amount aside for a booking; `staff` is who chose this payment, where a person did.

        Raises:
            MoneyError: when less is left.
        """
        if amount > self.left:
            raise MoneyError(f"payment {self.id} has {self.left} left, {amount} cannot be reserved")
        entry = Entry(self.id, Kind.RESERVED, booking_id, amount, now, booking_id, staff=staff)
        return self._after(entry, reserved=self.reserved + amount, reserved_at=now)

    def capture(self, amount: Decimal, booking_id: UUID, codes: Iterable[str], now: datetime) -> Payment:
        """Take an amount that is reserved for a booking, and write all its reservation codes down.

        Raises:
            MoneyError: when less is reserved.
        """
        self._require_reserved(amount)
        entry = Entry(self.id, Kind.CAPTURED, booking_id, amount, now, booking_id, tuple(codes))
        return self._after(
            entry,
            reserved=self.reserved - amount,
            captured=self.captured + amount,
            codes=(*self.codes, *entry.codes),
            captured_at=now,
        )

    def release(self, amount: Decimal, booking_id: UUID, now: datetime) -> Payment:
        """Give an amount that is reserved for a booking back.

        Raises:
            MoneyError: when less is reserved.
        """
        self._require_reserved(amount)
        entry = Entry(self.id, Kind.RELEASED, booking_id, amount, now, booking_id)
        return self._after(entry, reserved=self.reserved - amount)

    def refund(
        self, amount: Decimal, refund_id: UUID, booking_id: UUID | None, now: datetime, *, staff: str, reason: str
    ) -> Payment:
        """Give back what was captured for a booking or, without one, what is left.

        Raises:
            MoneyError: when that is less.
        """
        if amount > (self.captured if booking_id else self.left):
            raise MoneyError(f"payment {self.id} cannot give {amount} back")
        entry = Entry(self.id, Kind.REFUNDED, refund_id, amount, now, booking_id, staff=staff, reason=reason)
        captured = self.captured - amount if booking_id else self.captured
        return self._after(entry, captured=captured, refunded=self.refunded + amount)

    def same_money(self, other: Payment) -> bool:
        """Whether another is this very payment, told once more: what it is now may differ."""
        return all(getattr(self, name) == getattr(other, name) for name in ("id", "method", "amount", "currency"))

    def differences(self, told: Payment) -> tuple[str, ...]:
        """What the same line says otherwise than it was recorded, in words; what only one of both says is none."""
        pairs = [(name, getattr(self, name), getattr(told, name)) for name in _TOLD]
        return tuple(
            f"{name} was recorded as {recorded}, and is told as {again}"
            for name, recorded, again in pairs
            if recorded and again and _bare(recorded) != _bare(again)
        )

    def _after(self, entry: Entry, **balances: Any) -> Payment:
        return replace(self, entries=(*self.entries, entry), **balances)

    def _require_reserved(self, amount: Decimal) -> None:
        if amount > self.reserved:
            raise MoneyError(f"payment {self.id} has {self.reserved} reserved, not {amount}")


def _bare(fact: Any) -> Any:
    """Text without the case and blanks that a bank may write now so and now otherwise."""
    return " ".join(fact.casefold().split()) if isinstance(fact, str) else fact


def payment_of(message: TransferArrived, now: datetime) -> Payment:
    """The payment in a line of a feed, as it arrives."""
    payment_id, amount = payment_id_of(message.source, message.transfer_id), money(message.amount)
    return Payment(
        id=payment_id,
        source=message.source,
        transfer_id=message.transfer_id,
        property_id=message.property_id or ANY_PROPERTY,
        method=message.method,
        amount=amount,
        currency=message.currency,
        posted_on=message.posted_on,
        payer=message.payer,
        reference=message.reference,
        authorization_number=message.authorization_number,
        arrived_at=now,
        entries=(Entry(payment_id, Kind.ARRIVED, payment_id, amount, now),),
    )


class AtDesk(Protocol):
    """What the staff says of money that it took."""

    @property
    def payment_id(self) -> UUID: ...
    @property
    def method(self) -> DeskMethod: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def received_on(self) -> date: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def payer(self) -> str | None: ...


def payment_at_desk(taken: AtDesk, now: datetime) -> Payment:
    """Money taken at the desk, as it arrives; the staff's own id makes it count once."""
    payment_id, amount = payment_id_of(DESK, str(taken.payment_id)), money(taken.amount)
    return Payment(
        id=payment_id,
        source=DESK,
        transfer_id=str(taken.payment_id),
        property_id=ANY_PROPERTY,
        method=taken.method,
        amount=amount,
        currency=taken.currency,
        posted_on=taken.received_on,
        payer=taken.payer,
        reference=taken.reference,
        authorization_number=None,
        arrived_at=now,
        entries=(Entry(payment_id, Kind.ARRIVED, payment_id, amount, now),),
    )


def balance_of(payment: Payment) -> Balance:
    """What a payment says of itself, to be held against its entries."""
    return Balance(payment.amount, payment.reserved, payment.captured, payment.refunded, payment.codes)
