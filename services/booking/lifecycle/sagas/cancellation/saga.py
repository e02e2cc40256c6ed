"""The end of a booking before its guests came, cancelled or not shown up: decided at once, then carried out."""

from __future__ import annotations

from datetime import datetime

from services.booking.lifecycle.sagas.cancellation import messages as say
from services.booking.lifecycle.sagas.cancellation.data import CancellationData
from services.booking.lifecycle.sagas.definition import lifecycle_saga
from services.booking.lifecycle.sagas.refund import note_refund
from shared.contracts.availability import OrdersCancelled, RoomsReleased
from shared.contracts.payments import BookingRepriced
from shared.saga.table import Rejection, SagaTable, Sends, pivot, retriable


def _never(data: CancellationData, rejection: Rejection, _: datetime) -> Sends:
    raise AssertionError(f"the end of booking {data.booking_id} was refused after its decision: {rejection.reason}")


CANCELLATION: SagaTable[CancellationData] = SagaTable(
    name="ending",
    data=CancellationData,
    steps=(
        pivot("decide", do=say.decide),
        retriable("release rooms", do=say.release_rooms, done=RoomsReleased),
        retriable("settle the money", do=say.settle, done=BookingRepriced, on_reply=say.settled, report=say.cancelled),
        # If an external system keeps the rooms, they are cancelled there as well.
        retriable("cancel orders", when=lambda data: data.outside, do=say.cancel_orders, done=OrdersCancelled),
    ),
    refuse=_never,
)

CANCELLATION_SAGA = lifecycle_saga(CANCELLATION, note_refund)
