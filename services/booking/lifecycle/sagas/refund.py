"""What a booking notes of money that payments gave back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.booking.lifecycle.batch import LifecycleBatch
from services.booking.lifecycle.sagas.cancellation.data import E
from services.booking.record import NOTHING, Action
from shared.saga.engine import Transition
from shared.saga.store import SagaRecord


def note_refund(batch: LifecycleBatch, saga: SagaRecord[E], transition: Transition[E], now: datetime) -> None:
    """Note in the booking what payments gave back, once it has said so, beside what single stays brought before."""
    data = transition.data
    if data.refund is None or saga.data.refund is not None:
        return
    booking = data.folio_of(batch.bookings[data.booking_id])
    refund = (booking.refund or NOTHING) + data.refund
    batch.alter(replace(booking, refund=refund), Action.REFUND, data.who, now, data.reason)
