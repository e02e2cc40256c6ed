"""A payment: money that arrived, and how much of it is reserved, captured, refunded or left."""

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
from shared.contracts.payments import TransferArrived, TransferReversed
from shared.errors import Refusal

_PAYMENTS = UUID("0d9c6f0e-0e2b-4b53-9a6e-5f1f1f3f7a10")
ANY_PROPERTY = ""
DESK = "desk"
# What must be the same when a feed repeats a line.
_FACTS = (
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
    """An amount with two decimals. Messages allow no more, so nothing is rounded."""
    return amount.quantize(NOTHING)


class DeskMethod(StrEnum):
    """How a guest pays at the front desk."""

    CASH = "cash"
    CARD = "card"
    UPI = "upi"


Method: TypeAlias = PaymentMethod | DeskMethod


def method_of(word: str) -> Method:
    """The method with this value.

    Raises:
        ValueError: when there is none.
    """
    return DeskMethod(word) if word in set(DeskMethod) else PaymentMethod(word)


class MoneyError(ValueError):
    """More is requested of a payment than is left or reserved: a fault of the caller, not a refusal."""


class Contradiction(ValueError):
    """A line of a feed that was recorded before with another amount, currency or date."""


def payment_id_of(source: str, transfer_id: str) -> UUID:
    """The id of the payment that a line of a feed becomes; the same each time the line is read."""
    return uuid5(_PAYMENTS, f"{source}\n{transfer_id}")


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer or card authorisation. `reserved`, `captured` and `refunded` together never exceed `amount`.

    `reversed` is what the bank took back: nothing of that is left, and what is in use already stays in use.

    Amounts are in `currency`, times in UTC, `posted_on` is the bank's date. A `property_id` of "" means any property.
    `codes` are reservation codes in the order in which they were added. `entries` are the new entries of the ledger
    since it was read: every change of a balance adds one.
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
    reversed: Decimal = NOTHING
    codes: tuple[str, ...] = ()
    reserved_at: datetime | None = None
    captured_at: datetime | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def left(self) -> Decimal:
        """What can still be reserved."""
        return max(self.amount - self.reserved - self.captured - self.refunded - self.reversed, NOTHING)

    @property
    def used_at(self) -> datetime | None:
        """When money of it was last captured, else last reserved; None while it is unused."""
        if self.captured or self.refunded:
            return self.captured_at
        return self.reserved_at if self.reserved else None

    def reserve(self, amount: Decimal, booking_id: UUID, now: datetime, staff: str | None = None) -> Payment:
        """Reserve an amount for a booking; `staff` is who chose this payment, if a person did.

        Raises:
            MoneyError: when less is left.
        """
        if amount > self.left:
            raise MoneyError(f"payment {self.id} has {self.left} left, {amount} cannot be reserved")
        entry = Entry(self.id, Kind.RESERVED, booking_id, amount, now, booking_id, staff=staff)
        return self._after(entry, reserved=self.reserved + amount, reserved_at=now)

    def capture(self, amount: Decimal, booking_id: UUID, codes: Iterable[str], now: datetime) -> Payment:
        """Capture an amount that is reserved for a booking, and add its reservation codes.

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
        """Set an amount free again that is reserved for a booking.

        Raises:
            MoneyError: when less is reserved.
        """
        self._require_reserved(amount)
        entry = Entry(self.id, Kind.RELEASED, booking_id, amount, now, booking_id)
        return self._after(entry, reserved=self.reserved - amount)

    def refund(
        self, amount: Decimal, refund_id: UUID, booking_id: UUID | None, now: datetime, *, staff: str, reason: str
    ) -> Payment:
        """Give back money that was captured for a booking or, without one, money that is left.

        Raises:
            MoneyError: when there is less.
        """
        if amount > (self.captured if booking_id else self.left):
            raise MoneyError(f"payment {self.id} cannot give {amount} back")
        entry = Entry(self.id, Kind.REFUNDED, refund_id, amount, now, booking_id, staff=staff, reason=reason)
        captured = self.captured - amount if booking_id else self.captured
        return self._after(entry, captured=captured, refunded=self.refunded + amount)

    def take_back(self, amount: Decimal, reversal_id: UUID, now: datetime, reason: str | None = None) -> Payment:
        """Note that the bank took an amount back: what is free of it is blocked, now and when it becomes free.

        Raises:
            MoneyError: when more is taken back than arrived.
        """
        if self.reversed + amount > self.amount:
            raise MoneyError(f"of payment {self.id} {self.amount} arrived, {self.reversed + amount} cannot go back")
        entry = Entry(self.id, Kind.REVERSED, reversal_id, amount, now, reason=reason)
        return self._after(entry, reversed=self.reversed + amount)

    def same_money(self, other: Payment) -> bool:
        """Whether another payment has the same id, method, amount and currency; their balances may differ."""
        return all(getattr(self, name) == getattr(other, name) for name in ("id", "method", "amount", "currency"))

    def differences(self, repeated: Payment) -> tuple[str, ...]:
        """How the repeated line differs from what was recorded, as sentences. A missing value is no difference."""
        pairs = [(name, getattr(self, name), getattr(repeated, name)) for name in _FACTS]
        return tuple(
            f"{name} was recorded as {recorded}, and is now {again}"
            for name, recorded, again in pairs
            if recorded and again and _normalized(recorded) != _normalized(again)
        )

    def _after(self, entry: Entry, **balances: Any) -> Payment:
        return replace(self, entries=(*self.entries, entry), **balances)

    def _require_reserved(self, amount: Decimal) -> None:
        if amount > self.reserved:
            raise MoneyError(f"payment {self.id} has {self.reserved} reserved, not {amount}")


def _normalized(fact: Any) -> Any:
    """Text in lower case with single blanks, as banks write the same text in different ways."""
    return " ".join(fact.casefold().split()) if isinstance(fact, str) else fact


def payment_of(message: TransferArrived, now: datetime) -> Payment:
    """The new payment in a line of a feed."""
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


def reversal_id_of(message: TransferReversed) -> UUID:
    """The cause of the entry that a reversal makes; the same each time that it is told."""
    return uuid5(_PAYMENTS, f"{message.source}\n{message.transfer_id}\n{message.reversal_id}")


def payment_reversed(message: TransferReversed, now: datetime) -> Payment:
    """The payment that a reversal speaks of where nobody told of it before: it came, and went again."""
    facts = message.model_dump(exclude={"reversal_id"})
    return payment_of(TransferArrived(**facts), now)


class DeskPayment(Protocol):
    """Money that staff took."""

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


def payment_at_desk(command: DeskPayment, now: datetime) -> Payment:
    """The new payment for money that staff took; its id follows from the id that staff chose."""
    payment_id, amount = payment_id_of(DESK, str(command.payment_id)), money(command.amount)
    return Payment(
        id=payment_id,
        source=DESK,
        transfer_id=str(command.payment_id),
        property_id=ANY_PROPERTY,
        method=command.method,
        amount=amount,
        currency=command.currency,
        posted_on=command.received_on,
        payer=command.payer,
        reference=command.reference,
        authorization_number=None,
        arrived_at=now,
        entries=(Entry(payment_id, Kind.ARRIVED, payment_id, amount, now),),
    )


def balance_of(payment: Payment) -> Balance:
    """A payment's amounts, to compare with its entries."""
    used = (payment.reserved, payment.captured, payment.refunded)
    return Balance(payment.amount, *used, payment.codes, payment.reversed)


def unknown_payment(payment_id: UUID) -> Refusal:
    """The refusal when there is no such payment."""
    return Refusal("payment_unknown", f"payment_id: there is no payment {payment_id}")
