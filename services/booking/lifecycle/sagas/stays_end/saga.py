"""The end of single stays of a booking, cancelled or not shown up: decided at once, then carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.booking.lifecycle.batch import LifecycleBatch
from services.booking.lifecycle.sagas.definition import lifecycle_saga
from services.booking.lifecycle.sagas.stays_end import messages as say
from services.booking.lifecycle.sagas.stays_end.data import StaysEndData
from services.booking.record import NOTHING, Action
from shared.contracts.availability import StaysGivenUp
from shared.contracts.payments import BookingRepriced
from shared.saga.engine import Transition
from shared.saga.store import SagaRecord
from shared.saga.table import Rejection, SagaTable, Sends, pivot, retriable


def _never(data: StaysEndData, rejection: Rejection, _: datetime) -> Sends:
    raise AssertionError(f"stays of booking {data.booking_id} were refused their decided end: {rejection.reason}")


STAYS_END: SagaTable[StaysEndData] = SagaTable(
    name="ending_stays",
    data=StaysEndData,
    steps=(
        pivot("decide", do=say.decide),
        retriable("give up the rooms", do=say.give_up, done=StaysGivenUp),
        retriable("settle the money", do=say.settle, done=BookingRepriced, on_reply=say.settled, report=say.modified),
    ),
    refuse=_never,
)


def update_booking(
    batch: LifecycleBatch, saga: SagaRecord[StaysEndData], transition: Transition[StaysEndData], now: datetime
) -> None:
    """Note in the booking what payments gave back, once it has said so."""
    data = transition.data
    if data.refund is None or saga.data.refund is not None:
        return
    booking = data.folio_of(batch.bookings[data.booking_id])
    refund = (booking.refund or NOTHING) + data.refund
    batch.alter(replace(booking, refund=refund), Action.REFUND, data.who, now, data.reason)


STAYS_END_SAGA = lifecycle_saga(STAYS_END, update_booking)
