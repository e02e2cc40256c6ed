"""A payment that a verification named: to whom, and what a booking that gives its id may reserve of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.payments.transfers.claim import Claim
from services.payments.transfers.payment import ANY_PROPERTY, Payment

VALID_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Naming:
    """A payment was named to `caller` for a booking of the property that costs at most `amount`; times are UTC."""

    payment_id: UUID
    caller: str
    property_id: str
    amount: Decimal
    currency: str
    named_at: datetime

    def allows(self, claim: Claim, payment: Payment, now: datetime) -> bool:
        """Whether a booking may use the payment, whatever is left of it: its property's money, as it was verified."""
        named_for = (self.property_id, self.currency) == (claim.property_id, claim.currency)
        own = payment.property_id in {ANY_PROPERTY, claim.property_id} and payment.currency == claim.currency
        return named_for and own and claim.amount <= self.amount and now - self.named_at <= VALID_FOR


def payment_id_in(text: str | None) -> UUID | None:
    """The payment's id that a request gives; None when it is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
