"""Builds the replies to the saga about a booking's balance."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.payments.folio.price import Price
from shared.contracts.payments import BookingRepriced, FolioChanged


def booking_repriced(price: Price) -> BookingRepriced:
    """The reply to a new price: what the booking has paid and kept, and what was refunded."""
    return BookingRepriced(
        booking_id=price.booking_id, change=price.change, paid=price.paid, refund=price.refund, at=price.at
    )


def folio_changed(booking_id: UUID, paid: Decimal, charges: Decimal, at: datetime) -> FolioChanged:
    """What a booking has paid and kept, and what is charged beside its rooms."""
    return FolioChanged(booking_id=booking_id, paid=paid, charges=charges, at=at)
