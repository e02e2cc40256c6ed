"""A booking's folio: what it costs in all, what was paid for it, and what is still owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.payments.transfers.ledger import NOTHING


class ChargeKind(StrEnum):
    """What a booking costs beside its rooms."""

    CHARGE = "charge"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Charge:
    """Something that a booking costs beside its rooms; the amount is above zero, `at` in UTC."""

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
    """A booking's sums, in its currency. `total` is what its rooms cost, `captured` what was ever taken for it."""

    total: Decimal = NOTHING
    charges: Decimal = NOTHING
    fees: Decimal = NOTHING
    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING

    @property
    def balance(self) -> Decimal:
        """What is owed; below zero, what the guest has too much with us."""
        return self.total + self.charges + self.fees - self.captured + self.refunded
