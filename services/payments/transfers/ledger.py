"""The ledger: entries for everything that happened to a payment. Entries are added, never changed."""

from __future__ import annotations

from collections.abc import Sequence
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
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a payment. Amounts are in the payment's currency, `at` is in UTC.

    A payment has one entry for each kind and `cause`: the id of the booking, of the refund, of the reversal by the
    bank, or for the arrival of the payment. A refund of a booking's money names the booking, one of unused money names
    none. `staff` and `reason` say who decided and why, if a person did.
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
    """The amounts of a payment as its row has them: arrived, reserved, captured, refunded, taken back by the bank."""

    amount: Decimal = NOTHING
    reserved: Decimal = NOTHING
    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING
    codes: tuple[str, ...] = ()
    reversed: Decimal = NOTHING

    @property
    def left(self) -> Decimal:
        """What nobody was given; the bank may have taken it back."""
        return self.amount - self.reserved - self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of a payment's entries; `returned` is the part of `refunded` that bookings had captured."""

    arrived: Decimal = NOTHING
    reserved: Decimal = NOTHING
    captured: Decimal = NOTHING
    released: Decimal = NOTHING
    refunded: Decimal = NOTHING
    returned: Decimal = NOTHING
    codes: tuple[str, ...] = ()
    reversed: Decimal = NOTHING

    @property
    def balance(self) -> Balance:
        """The balance that follows from the entries."""
        return Balance(
            amount=self.arrived,
            reserved=self.reserved - self.captured - self.released,
            captured=self.captured - self.returned,
            refunded=self.refunded,
            codes=self.codes,
            reversed=self.reversed,
        )


def audit(balance: Balance, sums: Sums) -> Sequence[str]:
    """How a payment's balance and its entries disagree, as sentences; empty when they agree."""
    posted = sums.balance
    problems = [
        f"{name} is {getattr(balance, name):.2f}, the entries make {getattr(posted, name):.2f}"
        for name in ("amount", "reserved", "captured", "refunded", "reversed")
        if getattr(balance, name) != getattr(posted, name)
    ]
    if balance.codes != posted.codes:
        problems.append(f"the codes are {', '.join(balance.codes)}, the entries' {', '.join(posted.codes)}")
    if min(posted.reserved, posted.captured, posted.refunded, posted.left) < 0:
        problems.append(f"the entries give out more than arrived: {posted.left:.2f} left")
    return problems
