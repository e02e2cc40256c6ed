"""What a booking costs once it has changed or ended, and what has to be given back of what was paid for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import Payment


@dataclass(frozen=True, slots=True)
class Price:
    """What a booking costs from a change on, in its currency: `total` for its rooms and `fee` for the change.

    `paid` is what was paid for it and kept once `refund` had been given back.
    """

    booking_id: UUID
    change: int
    total: Decimal
    fee: Decimal
    paid: Decimal
    refund: Decimal
    who: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a refund, by the payment that gives it back."""

    payment: Payment
    amount: Decimal


def shares(kept: Iterable[tuple[Payment, Decimal]], amount: Decimal) -> list[Share]:
    """An amount spread over what payments have paid and kept, the newest first: the last to come is the first to go."""
    found: list[Share] = []
    for payment, most in sorted(kept, key=lambda pair: (pair[0].arrived_at, pair[0].id), reverse=True):
        part = min(most, amount)
        if part > NOTHING:
            found.append(Share(payment, part))
            amount -= part
    return found


def refund_id_of(booking_id: UUID, change: int, payment_id: UUID) -> UUID:
    """The id of one payment's part of a refund: the same however often it is asked for."""
    return uuid5(booking_id, f"refund {change} of {payment_id}")


def fee_id_of(booking_id: UUID, change: int) -> UUID:
    """The id of the fee of a change."""
    return uuid5(booking_id, f"fee {change}")
