"""The ledger: everything that ever happened to money that arrived, as entries that are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

NOTHING = Decimal("0.00")


class Kind(StrEnum):
    """What happened to an amount."""

    ARRIVED = "arrived"
    RESERVED = "reserved"
    CAPTURED = "captured"
    RELEASED = "released"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a payment. Amounts are in the payment's currency, `at` is in UTC.

    Kind and `cause` together happen to a payment once: `cause` is the booking, or the refund's own id, or for the
    arrival the payment. A refund of a booking's money names the booking; one of money that nobody used names none.
    `staff` and `reason` say who decided and why, where a person did.
    """

    payment_id: UUID
    kind: Kind
    cause: UUID
    amount: Decimal
    at: datetime
    booking_id: UUID | None = None
    codes: tuple[str, ...] = ()
    staff: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What a payment says of itself: what arrived, and what of it is reserved, captured or refunded now."""

    amount: Decimal = NOTHING
    reserved: Decimal = NOTHING
    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING
    codes: tuple[str, ...] = ()

    @property
    def left(self) -> Decimal:
        """What can still be reserved."""
        return self.amount - self.reserved - self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class Sums:
    """What a payment's entries add up to; `returned` is the part of `refunded` that bookings had used."""

    arrived: Decimal = NOTHING
    reserved: Decimal = NOTHING
    captured: Decimal = NOTHING
    released: Decimal = NOTHING
    refunded: Decimal = NOTHING
    returned: Decimal = NOTHING
    codes: tuple[str, ...] = ()

    @property
    def balance(self) -> Balance:
        """The balance that the entries make."""
        return Balance(
            amount=self.arrived,
            reserved=self.reserved - self.captured - self.released,
            captured=self.captured - self.returned,
            refunded=self.refunded,
            codes=self.codes,
        )


def summed(entries: Iterable[Entry]) -> Sums:
    """Add the entries of one payment up."""
    totals = dict.fromkeys(Kind, NOTHING)
    returned = NOTHING
    codes: list[str] = []
    for entry in entries:
        totals[entry.kind] += entry.amount
        codes += entry.codes
        if entry.kind is Kind.REFUNDED and entry.booking_id:
            returned += entry.amount
    return Sums(**{kind.value: amount for kind, amount in totals.items()}, returned=returned, codes=tuple(codes))


def audit(balance: Balance, sums: Sums) -> Sequence[str]:
    """How a payment's balance and its entries disagree, in words; empty when they agree."""
    posted = sums.balance
    wrong = [
        f"{name} is {getattr(balance, name):.2f}, the entries make {getattr(posted, name):.2f}"
        for name in ("amount", "reserved", "captured", "refunded")
        if getattr(balance, name) != getattr(posted, name)
    ]
    if balance.codes != posted.codes:
        wrong.append(f"the codes are {', '.join(balance.codes)}, the entries' {', '.join(posted.codes)}")
    if min(posted.reserved, posted.captured, posted.refunded, posted.left) < 0:
        wrong.append(f"the entries give out more than arrived: {posted.left:.2f} left")
    return wrong
