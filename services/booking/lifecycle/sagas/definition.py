"""How a saga of a confirmed booking is defined and begun: by a command, one at a time for each booking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.booking.lifecycle.batch import LifecycleBatch
from services.booking.lifecycle.sagas.data import D
from services.booking.unit_of_work import BookingSaga, UnitOfWork
from shared.messages.message import digest_of
from shared.saga import engine
from shared.saga.engine import Transition
from shared.saga.state import Phase
from shared.saga.store import SagaRecord
from shared.saga.table import SagaTable, Sends

UpdateBooking = Callable[[LifecycleBatch, SagaRecord[D], Transition[D], datetime], None]


def lifecycle_saga(table: SagaTable[D], update_booking: UpdateBooking[D]) -> BookingSaga[D]:
    """A saga of a confirmed booking; when it ends, the booking is free for the next one.

    `update_booking` changes the booking as a transition demands, given the saga as it was before.
    """

    def apply(uow: UnitOfWork, saga: SagaRecord[D], transition: Transition[D], now: datetime) -> None:
        update_booking(uow.lifecycle, saga, transition, now)
        saga.move(transition)
        if transition.progress.phase is Phase.ENDED:
            booking = uow.lifecycle.bookings[saga.data.booking_id]
            uow.lifecycle.keep(replace(booking, saga_id=None, saga_name=None))

    return BookingSaga(table, apply)


def begin(uow: UnitOfWork, table: SagaTable[D], data: D, now: datetime) -> Sends:
    """Begin a saga for a booking that has none under way."""
    transition = engine.begin(uow.sagas.tables[table.name], data, now)
    saga = uow.sagas.add(digest_of("saga", data.command_id), table.name, transition, now)
    booking = uow.lifecycle.bookings[data.booking_id]
    uow.lifecycle.keep(replace(booking, saga_id=saga.id, saga_name=table.name, orders=data.order))
    return transition.sends
