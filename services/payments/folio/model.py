"""A booking's folio: what it costs, what was paid for it, and what is owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.payments.transfers import NOTHING


class ChargeKind(StrEnum):
    """What something costs a booking beside its rooms: a charge, or the fee of a change."""

    CHARGE = "charge"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Charge:
    """Something that a booking costs beside its rooms. The amount is above zero, `at` is in UTC."""

    id: UUID
    booking_id: UUID
    kind: ChargeKind
    amount: Decimal
    currency: str
    reason: str
    staff: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Folio:
    """A booking's sums, in its currency. `total` is the price of its rooms, `captured` all that was ever captured."""

    total: Decimal = NOTHING
    charges: Decimal = NOTHING
    fees: Decimal = NOTHING
    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING

    @property
    def balance(self) -> Decimal:
        """What the guest owes; below zero when too much was paid."""
        return self.total + self.charges + self.fees - self.captured + self.refunded
