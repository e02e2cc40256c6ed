"""What every command of the staff needs: it is answered once, and finds its booking at rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from functools import wraps
from typing import TypeVar

from services.booking.lifecycle.batch import State
from services.booking.lifecycle.event_context import EventContext
from services.booking.record import (
    Booking,
    Status,
    policy_text,
)
from services.booking.requests import BOOK_ROOMS, CAPTURE_PAYMENT, RequestData
from services.booking.unit_of_work import UnitOfWork, status_of
from shared.consumer.routing import RefusedTooLate
from shared.contracts.booking.staff import (
    StaffCommand,
)
from shared.errors import Refusal
from shared.saga import engine
from shared.saga.state import Phase, Verdict
from shared.saga.table import Rejection, Sends

Done = tuple[State, Sends]
Command = TypeVar("Command", bound=StaffCommand)

NOON = time(12)
# What a confirmed booking must have before it can end or change: till then its own saga still asks for it.
SETTLED_FIRST = {BOOK_ROOMS, CAPTURE_PAYMENT}


def answered(
    act: Callable[[UnitOfWork, Command, datetime], Done],
) -> Callable[[UnitOfWork, Command, datetime], Sends]:
    """Do a command once, and note what came of it: a refusal is an answer as well.

    Raises:
        RefusedTooLate: when it is refused behind a change, which would be committed with the answer.
    """

    @wraps(act)
    def handle(uow: UnitOfWork, command: Command, now: datetime) -> Sends:
        if command.command_id in uow.lifecycle.answers:
            return ()
        before = uow.changes_made
        try:
            state, sends = act(uow, command, now)
        except Refusal as refusal:
            if uow.changes_made != before:
                raise RefusedTooLate(f"{type(command).__name__} was refused behind a change: {refusal.code}") from None
            uow.lifecycle.answer(command, State.REFUSED, now, refusal)
            return ()
        uow.lifecycle.answer(command, state, now)
        return sends

    return handle


def give_up(uow: UnitOfWork, command: StaffCommand, reason: str, text: str, now: datetime) -> Sends:
    """End a booking whose saga has not decided: what it has is undone, and the guest is notified."""
    saga = uow.sagas.by_id[command.booking_id]
    transition = engine.abort(saga.table, saga.state, Rejection(Verdict.REFUSED, reason, text), now)
    uow.move(saga, transition, now, command.who, command.reason)
    return transition.sends


def is_open(uow: UnitOfWork, command: StaffCommand) -> bool:
    saga = uow.saga(command.booking_id)
    return bool(saga and saga.progress.phase is Phase.RUNNING)


def status_now(uow: UnitOfWork, command: StaffCommand) -> Status:
    """The status of a booking, by its row or, before it is confirmed, by its saga."""
    if booking := uow.lifecycle.bookings.get(command.booking_id):
        return booking.status
    saga = uow.saga(command.booking_id)
    if saga is None:
        raise Refusal("unknown_booking", f"booking_id: there is no booking {command.booking_id}", field="booking_id")
    return status_of(saga.progress)


def at_rest(uow: UnitOfWork, command: StaffCommand) -> Booking:
    """The booking, confirmed to the end and with nothing under way.

    Raises:
        Refusal: unknown_booking, illegal_transition, change_under_way or confirmation_under_way.
    """
    booking = uow.lifecycle.bookings.get(command.booking_id)
    if booking is None:
        status = status_now(uow, command)
        text = f"the booking is {status}: this can be done once it is {Status.CONFIRMED}"
        raise Refusal("illegal_transition", text, state=status.value)
    if booking.saga_id:
        text = "a change of this booking is not through yet; try again in a moment, with a new command_id"
        raise Refusal("change_under_way", text, change=booking.saga_name)
    waits = SETTLED_FIRST & set(uow.sagas.by_id[booking.id].progress.pending)
    if waits:
        text = f"the confirmation is not through yet ({', '.join(sorted(waits))}); try again with a new command_id"
        raise Refusal("confirmation_under_way", text, waiting_for=sorted(waits))
    return booking


def data_of(uow: UnitOfWork, command: StaffCommand) -> RequestData:
    data: RequestData = uow.sagas.by_id[command.booking_id].data
    return data


def context_of(uow: UnitOfWork, command: StaffCommand) -> EventContext:
    data = data_of(uow, command)
    return EventContext(
        request_id=data.request.request_id,
        property=data.property,
        language=data.request.language,
        guest=data.request.guest,
        contact=data.request.contact,
        cancellation_policy=policy_text(data.terms, data.request.language),
    )


def clock_of(uow: UnitOfWork, booking: Booking) -> tuple[time, str]:
    """When guests may arrive, and by which clocks."""
    property_ = uow.properties.get(booking.property_id)
    zone = uow.sagas.by_id[booking.id].data.property.timezone
    return (property_.check_in_time, property_.timezone) if property_ else (NOON, zone)
