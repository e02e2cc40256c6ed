"""What the sagas of a confirmed booking have in common in their data."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from services.booking.lifecycle.event_context import EventContext
from services.booking.record import Booking
from shared.contracts.payments import BookingRepriced
from shared.saga.state import SagaData


class LifecycleData(SagaData):
    """What each of them knows: the booking, the command, who gave it and why.

    `order` is its number among what was ever asked of other services for this booking. `paid` and `folio_at` are what
    payments said was paid, in the booking's currency, and when (UTC); None until it has.
    """

    booking_id: UUID
    command_id: UUID
    order: int
    context: EventContext
    check_in: date
    check_out: date
    who: str
    reason: str
    paid: Decimal | None = None
    folio_at: datetime | None = None

    def facts(self, at: datetime) -> dict[str, Any]:
        """The fields that every event about the booking has."""
        dates = {"check_in": self.check_in, "check_out": self.check_out}
        return self.context.facts() | dates | {"booking_id": self.booking_id, "at": at}

    def folio_of(self, booking: Booking) -> Booking:
        """The booking with what payments said, once it has."""
        if self.paid is None or self.folio_at is None:
            return booking
        return booking.apply_folio(self.paid, None, self.folio_at)


D = TypeVar("D", bound=LifecycleData)


def repriced(data: D, reply: BookingRepriced) -> D:
    """What was paid for the booking, as payments knows it."""
    return data.but(paid=reply.paid, folio_at=reply.at)
