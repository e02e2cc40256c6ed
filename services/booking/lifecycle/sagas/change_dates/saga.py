"""Other dates for a booking: the new nights are held and priced before the decision, the old ones freed after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.booking.lifecycle.batch import LifecycleBatch, State
from services.booking.lifecycle.sagas.change_dates import messages as say
from services.booking.lifecycle.sagas.change_dates.data import DateChangeData
from services.booking.lifecycle.sagas.data import repriced
from services.booking.lifecycle.sagas.definition import lifecycle_saga
from services.booking.record import Action, Booking
from shared.contracts.availability import ChangeDropped, ChangeKept, RoomsChanged, RoomsNotChanged
from shared.contracts.payments import BookingRepriced
from shared.errors import Refusal
from shared.saga.engine import Transition
from shared.saga.state import Verdict
from shared.saga.store import SagaRecord
from shared.saga.table import SagaTable, compensable, pivot, retriable

# What a stay takes over from the room that is held for it on the new nights.
_OF_ROOM = ("room", "type_label", "amount", "first_night")

CHANGE_DATES: SagaTable[DateChangeData] = SagaTable(
    name="change_dates",
    data=DateChangeData,
    steps=(
        compensable(
            "hold the new nights",
            do=say.hold_nights,
            done=RoomsChanged,
            on_reply=say.nights_held,
            refused=RoomsNotChanged,
            refusal=say.refused_by,
            undo=say.drop_nights,
            undone=ChangeDropped,
        ),
        pivot("decide", do=say.decide),
        retriable("free the old nights", do=say.free_old_nights, done=ChangeKept),
        retriable("tell the price", do=say.tell_price, done=BookingRepriced, on_reply=repriced),
    ),
    # Who asked for the change reads the answer to the command; for the guest nothing has changed.
    refuse=lambda *_: (),
)


def update_booking(
    batch: LifecycleBatch, saga: SagaRecord[DateChangeData], transition: Transition[DateChangeData], now: datetime
) -> None:
    """Put the booking on its new dates once that is decided, and note what was paid for it once payments says so."""
    data, progress = transition.data, transition.progress
    if saga.progress.verdict is not progress.verdict:
        if progress.verdict is Verdict.DONE:
            booking = on_new_dates(batch.bookings[data.booking_id], data)
            batch.alter(booking, Action.MODIFY, data.who, now, data.reason)
            batch.conclude(data.command_id, State.DONE)
        else:
            refusal = Refusal(progress.reason, progress.text, **progress.details)
            batch.conclude(data.command_id, State.REFUSED, refusal)
    if data.paid is not None and saga.data.paid is None:
        batch.record_folio(data.folio_of(batch.bookings[data.booking_id]), now)


def on_new_dates(booking: Booking, data: DateChangeData) -> Booking:
    """The booking with the rooms and prices that it has on the new dates."""
    rooms = {room.line: room for room in data.rooms}
    stays = [
        replace(stay, **{name: getattr(rooms[stay.line], name) for name in _OF_ROOM}) if stay.line in rooms else stay
        for stay in booking.stays
    ]
    return booking.on_dates(data.check_in, data.check_out, stays, data.total or booking.total)


CHANGE_DATES_SAGA = lifecycle_saga(CHANGE_DATES, update_booking)
