"""A booking's price after a change or its end, and how a refund is spread over its payments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from services.payments.transfers import NOTHING, Payment


@dataclass(frozen=True, slots=True)
class Price:
    """What a booking costs after a change, in its currency: `total` for its rooms and `fee` for the change.

    `paid` is what was paid and kept after `refund` was given back.
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
    """The part of a refund that one payment gives back."""

    payment: Payment
    amount: Decimal


def shares(paid: Iterable[tuple[Payment, Decimal]], amount: Decimal) -> list[Share]:
    """Spread a refund over a booking's payments, each up to what it has paid and kept; the newest gives first."""
    parts: list[Share] = []
    for payment, most in sorted(paid, key=lambda pair: (pair[0].arrived_at, pair[0].id), reverse=True):
        part = min(most, amount)
        if part > NOTHING:
            parts.append(Share(payment, part))
            amount -= part
    return parts


def refund_id_of(booking_id: UUID, change: int, payment_id: UUID) -> UUID:
    """The id of one payment's part of a refund; the same for the same change and payment."""
    return uuid5(booking_id, f"refund {change} of {payment_id}")


def fee_id_of(booking_id: UUID, change: int) -> UUID:
    """The id of the fee for a change."""
    return uuid5(booking_id, f"fee {change}")
