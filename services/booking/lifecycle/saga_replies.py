"""The turns of a life's sagas: what an answer or the passing of time makes of a change, and of its booking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from services.booking.lifecycle.batch import LifecycleBatch, State
from services.booking.lifecycle.sagas.cancellation.saga import CancellationSaga, course_of
from services.booking.lifecycle.sagas.change_dates.saga import DateChangeSaga
from services.booking.record.booking import Action, Booking, changes_between
from shared.contracts.booking.staff import ChangeDue
from shared.contracts.payments import FolioChanged
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing
from shared.saga import engine
from shared.saga.engine import Transition
from shared.saga.metrics import tell_alarms
from shared.saga.state import Phase, Verdict
from shared.saga.store import SagaRecord

log = structlog.get_logger(__name__)

Sends = Iterable[Message | Outgoing]
SYSTEM = "system"


def end_begun(lives: LifecycleBatch, booking: Booking, data: CancellationSaga, now: datetime) -> Sends:
    """An end begins with its decision."""
    turn = engine.begin(course_of(lives.ending, data), data, now)
    lives.begin_ending(booking, turn, now)
    return turn.sends


def change_begun(lives: LifecycleBatch, booking: Booking, turn: Transition[DateChangeSaga], now: datetime) -> Sends:
    """A change of dates begins with what it asks for."""
    lives.begin_change(booking, turn, now)
    return turn.sends


def answer(lives: LifecycleBatch, booking: Booking, reply: Any, now: datetime) -> Sends:
    """Fold another service's answer into the change that is under way; one about another change came late."""
    if ending := lives.ending_of(booking):
        data = ending.turn.data
        if getattr(reply, "change", data.order) != data.order:
            return ()
        return _ending(
            lives, booking, ending, engine.advance(course_of(lives.ending, data), ending.turn, reply, now), now
        )
    if change := lives.change_of(booking):
        if getattr(reply, "change", change.turn.data.order) != change.turn.data.order:
            return ()
        return _change(lives, booking, change, engine.advance(lives.changing, change.turn, reply, now), now)
    log.info("reply.nothing_waits", type=reply.type_name)
    return ()


def wake(lives: LifecycleBatch, due: ChangeDue, now: datetime) -> Sends:
    """A change has waited long enough."""
    booking = lives.bookings.get(due.booking_id)
    if booking is None:
        return ()
    if ending := lives.ending_of(booking):
        course = course_of(lives.ending, ending.turn.data)
        return _ending(lives, booking, ending, engine.wake(course, ending.turn, now), now)
    if change := lives.change_of(booking):
        return _change(lives, booking, change, engine.wake(lives.changing, change.turn, now), now)
    return ()


def take_folio(lives: LifecycleBatch, told: FolioChanged, now: datetime) -> Sends:
    """The staff took money for a booking, gave some back or charged something."""
    if booking := lives.bookings.get(told.booking_id):
        _hear(lives, booking.heard(told.paid, told.charges, told.at), now)
    return ()


def _hear(lives: LifecycleBatch, heard: Booking, now: datetime) -> None:
    """Take what payments said; the audit log hears of it only where it changes something."""
    known = lives.bookings[heard.id]
    if changes_between(known, heard):
        lives.alter(heard, Action.UPDATE, SYSTEM, now)
    elif heard is not known:
        lives.keep(heard)


def _ending(
    lives: LifecycleBatch,
    booking: Booking,
    known: SagaRecord[CancellationSaga],
    turn: Transition[CancellationSaga],
    now: datetime,
) -> Sends:
    before, data = known.turn.data, turn.data
    _moved(known, turn, lives.ending.name)
    if data.refund is not None and before.refund is None:
        settled = booking.heard(data.paid, None, data.heard_at) if data.paid is not None and data.heard_at else booking
        lives.alter(replace(settled, refund=data.refund), Action.REFUND, data.who, now, data.reason)
    _close(lives, booking, turn)
    return turn.sends


def _change(
    lives: LifecycleBatch,
    booking: Booking,
    known: SagaRecord[DateChangeSaga],
    turn: Transition[DateChangeSaga],
    now: datetime,
) -> Sends:
    was, verdict, data = known.turn.progress.verdict, turn.progress.verdict, turn.data
    paid = known.turn.data.paid
    _moved(known, turn, lives.changing.name)
    if was is Verdict.OPEN and verdict is Verdict.DONE:
        lives.alter(_on_new_dates(booking, data), Action.MODIFY, data.who, now, data.reason)
        lives.conclude(data.command_id, State.DONE)
    elif was is Verdict.OPEN and verdict is not Verdict.OPEN:
        no = turn.progress
        lives.conclude(data.command_id, State.REFUSED, Refusal(no.reason, no.text, **no.details))
    if data.paid is not None and paid is None and data.heard_at:
        _hear(lives, lives.bookings[booking.id].heard(data.paid, None, data.heard_at), now)
    _close(lives, booking, turn)
    return turn.sends


def _on_new_dates(booking: Booking, data: DateChangeSaga) -> Booking:
    """The booking with the rooms and prices that it has then."""
    rooms = {room.line: room for room in data.rooms}
    stays = [
        replace(
            stay,
            room=rooms[stay.line].room,
            type_label=rooms[stay.line].type_label,
            amount=rooms[stay.line].amount,
            first_night=rooms[stay.line].first_night,
        )
        for stay in booking.stays
    ]
    return booking.on_dates(data.check_in, data.check_out, stays, data.total or booking.total)


def _moved(known: SagaRecord[Any], turn: Transition[Any], name: str) -> None:
    known.move(turn)
    tell_alarms(name, turn)


def _close(lives: LifecycleBatch, booking: Booking, turn: Transition[Any]) -> None:
    """A change that is through leaves room for the next."""
    if turn.progress.phase is Phase.ENDED:
        lives.keep(replace(lives.bookings[booking.id], saga=None, saga_name=None))
