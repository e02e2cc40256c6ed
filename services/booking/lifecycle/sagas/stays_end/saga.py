"""The end of single stays of a booking, cancelled or not shown up: decided at once, then carried out."""

from __future__ import annotations

from datetime import datetime

from services.booking.lifecycle.sagas.definition import lifecycle_saga
from services.booking.lifecycle.sagas.refund import note_refund
from services.booking.lifecycle.sagas.stays_end import messages as say
from services.booking.lifecycle.sagas.stays_end.data import StaysEndData
from shared.contracts.availability import StaysGivenUp
from shared.contracts.payments import BookingRepriced
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

STAYS_END_SAGA = lifecycle_saga(STAYS_END, note_refund)
