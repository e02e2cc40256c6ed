"""What the staff's commands do with a booking, one function a command: each is answered once, done or refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from services.booking.lifecycle import events
from services.booking.lifecycle.batch import State
from services.booking.lifecycle.commands import (
    Done,
    answered,
    at_rest,
    clock_of,
    context_of,
    data_of,
    give_up,
    is_open,
    status_now,
)
from services.booking.lifecycle.sagas.change_dates.data import DateChangeData
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES
from services.booking.lifecycle.sagas.definition import begin
from services.booking.record import (
    Action,
    Booking,
    Status,
    Stay,
    StayStatus,
    check_dates,
    check_follows,
    check_may_change,
)
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import PlacedWish
from shared.contracts.booking.staff import (
    ChangeDates,
    CheckIn,
    CheckOut,
    RejectBooking,
)
from shared.contracts.payments import FolioChanged
from shared.errors import Refusal
from shared.saga.table import Sends

REJECTED = "rejected"


@answered
def reject_booking(uow: UnitOfWork, command: RejectBooking, now: datetime) -> Done:
    """The hotel does not take a booking that is not confirmed yet."""
    if not is_open(uow, command):
        check_follows(status_now(uow, command), Status.REJECTED)
    return State.DONE, give_up(uow, command, REJECTED, "the hotel does not take the booking", now)


@answered
def check_in(uow: UnitOfWork, command: CheckIn, now: datetime) -> Done:
    """Guests have arrived."""
    booking = at_rest(uow, command)
    _, zone = clock_of(uow, booking)
    after = booking.checked_in(command.codes, command.who, zone, now)
    uow.lifecycle.alter(after, Action.CHECK_IN, command.who, now, command.reason)
    codes = _moved(booking, after, StayStatus.CHECKED_IN)
    return State.DONE, (events.checked_in(after, context_of(uow, command), codes, now),)


@answered
def check_out(uow: UnitOfWork, command: CheckOut, now: datetime) -> Done:
    """Guests have left."""
    booking = at_rest(uow, command)
    after = booking.checked_out(command.codes, command.who, now, owing=command.owing)
    uow.lifecycle.alter(after, Action.CHECK_OUT, command.who, now, command.reason)
    codes = _moved(booking, after, StayStatus.CHECKED_OUT)
    _, zone = clock_of(uow, booking)
    left_on, last = now.astimezone(ZoneInfo(zone)).date(), after.status is Status.CHECKED_OUT
    event = events.checked_out(after, context_of(uow, command), codes, left_on, now, last=last)
    return State.DONE, (event,)


@answered
def change_dates(uow: UnitOfWork, command: ChangeDates, now: datetime) -> Done:
    """Other nights: they are held and priced first, and the booking decides when it has them all."""
    booking = at_rest(uow, command)
    check_may_change(booking)
    check_dates(command.check_in, command.check_out)
    if (command.check_in, command.check_out) == (booking.check_in, booking.check_out):
        raise Refusal("nothing_to_do", f"the booking is on these dates: {booking.check_in} to {booking.check_out}")
    booking.check_fee_kept(command.check_in, *clock_of(uow, booking), now, command.leeway)
    data = DateChangeData(
        booking_id=booking.id,
        command_id=command.command_id,
        order=booking.orders + 1,
        revision=booking.revision + 1,
        context=context_of(uow, command),
        check_in=command.check_in,
        check_out=command.check_out,
        package=booking.package,
        wishes=tuple(_wish(stay) for stay in booking.live),
        avoid_rooms=data_of(uow, command).request.avoid_rooms,
        who=command.who,
        reason=command.reason or "change of dates",
    )
    return State.UNDER_WAY, begin(uow, CHANGE_DATES, data, now)


def take_folio(uow: UnitOfWork, folio: FolioChanged, now: datetime) -> Sends:
    """The staff took money for a booking, gave some back or charged something."""
    if booking := uow.lifecycle.bookings.get(folio.booking_id):
        uow.lifecycle.record_folio(booking.apply_folio(folio.paid, folio.charges, folio.at), now)
    return ()


def _moved(before: Booking, after: Booking, to: StayStatus) -> tuple[str, ...]:
    was = {stay.code: stay.status for stay in before.stays}
    return tuple(stay.code for stay in after.stays if stay.status is to and was[stay.code] is not to)


def _wish(stay: Stay) -> PlacedWish:
    return PlacedWish(
        line=stay.line,
        type=stay.room_type,
        adults=stay.adults,
        children_0_to_5=stay.children_0_to_5,
        children_6_to_10=stay.children_6_to_10,
        extra_beds=stay.extra_beds,
        room=stay.room,
        code=stay.code,
    )
