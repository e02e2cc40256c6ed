"""The ends of a booking before its guests came: cancelled or not shown up, as a whole or single stays of it."""

from __future__ import annotations

from collections.abc import Sequence
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
)
from services.booking.lifecycle.event_context import EventContext
from services.booking.lifecycle.sagas.cancellation.data import CancellationData, End
from services.booking.lifecycle.sagas.cancellation.saga import CANCELLATION
from services.booking.lifecycle.sagas.definition import begin
from services.booking.lifecycle.sagas.stays_end.data import StaysEndData
from services.booking.lifecycle.sagas.stays_end.saga import STAYS_END
from services.booking.record import (
    Action,
    Booking,
    Status,
    Stay,
    StayStatus,
    check_came_late,
    check_follows,
    policy_text,
)
from services.booking.unit_of_work import CANCELLED, UnitOfWork
from shared.contracts.booking import BookedRoom
from shared.contracts.booking.staff import (
    CancelBooking,
    MarkNoShow,
    StaffCommand,
)
from shared.errors import Refusal
from shared.saga.table import Sends

WHY = {End.CANCELLED: "cancelled", End.NO_SHOW: "no-show"}
PART = {End.CANCELLED: (StayStatus.CANCELLED, Action.CANCEL), End.NO_SHOW: (StayStatus.NO_SHOW, Action.NO_SHOW)}


@answered
def cancel_booking(uow: UnitOfWork, command: CancelBooking, now: datetime) -> Done:
    """The booking is off, or single stays of it: what is not confirmed is given up, what is costs its fee."""
    if is_open(uow, command):
        if command.codes:
            raise Refusal("illegal_transition", "single stays can be cancelled once the booking is confirmed")
        check_follows(Status.PENDING, Status.CANCELLED)
        return State.DONE, give_up(uow, command, CANCELLED, "the booking was cancelled", now)
    booking = at_rest(uow, command)
    if stays := booking.part(command.codes):
        return State.DONE, _end_stays(uow, command, booking, stays, now)
    check_follows(booking.status, Status.CANCELLED)
    return State.DONE, _end(uow, command, booking, End.CANCELLED, now)


@answered
def mark_no_show(uow: UnitOfWork, command: MarkNoShow, now: datetime) -> Done:
    """The guests did not come, or those of single stays."""
    booking = at_rest(uow, command)
    stays = booking.part(command.codes)
    if not stays:
        check_follows(booking.status, Status.NO_SHOW)
    arrives_at, zone = clock_of(uow, booking)
    check_came_late(booking, arrives_at, zone, now)
    if stays:
        return State.DONE, _end_stays(uow, command, booking, stays, now)
    return State.DONE, _end(uow, command, booking, End.NO_SHOW, now)


def _end(uow: UnitOfWork, command: CancelBooking | MarkNoShow, booking: Booking, end: End, now: datetime) -> Sends:
    arrives_at, zone = clock_of(uow, booking)
    fee = booking.fee_now(command.fee, arrives_at, zone, now, command.leeway)
    context = context_of(uow, command)
    data = CancellationData(
        booking_id=booking.id,
        command_id=command.command_id,
        end=end,
        order=booking.orders + 1,
        context=context,
        check_in=booking.check_in,
        check_out=booking.check_out,
        codes=tuple(stay.code for stay in booking.live),
        fee=fee.fee,
        rule=_rule(booking, command, context),
        currency=booking.currency,
        who=command.who,
        reason=command.reason or WHY[end],
        outside=data_of(uow, command).outside,
    )
    status = Status.CANCELLED if end is End.CANCELLED else Status.NO_SHOW
    action = Action.CANCEL if end is End.CANCELLED else Action.NO_SHOW
    uow.lifecycle.alter(booking.ended(status, fee), action, command.who, now, command.reason)
    return begin(uow, CANCELLATION, data, now)


def _end_stays(
    uow: UnitOfWork, command: CancelBooking | MarkNoShow, booking: Booking, stays: Sequence[Stay], now: datetime
) -> Sends:
    end = End.NO_SHOW if isinstance(command, MarkNoShow) else End.CANCELLED
    fee = booking.fee_now(command.fee, *clock_of(uow, booking), now, command.leeway, stays=stays)
    to, action = PART[end]
    after = booking.without(stays, to, fee)
    context = context_of(uow, command)
    data = StaysEndData(
        booking_id=booking.id,
        command_id=command.command_id,
        end=end,
        order=booking.orders + 1,
        revision=after.revision,
        context=context,
        check_in=booking.check_in,
        check_out=booking.check_out,
        package=booking.package,
        stays={stay.room: stay.code for stay in stays},
        rooms=tuple(_booked_room(stay) for stay in after.live),
        total=after.total,
        fee=fee.fee,
        currency=booking.currency,
        who=command.who,
        reason=command.reason or WHY[end],
    )
    uow.lifecycle.alter(after, action, command.who, now, command.reason)
    left = _left_last(uow, command, after, now) if after.status is not booking.status else ()
    return (*begin(uow, STAYS_END, data, now), *left)


def _left_last(uow: UnitOfWork, command: StaffCommand, booking: Booking, now: datetime) -> Sends:
    """The guests who came have all left before the others were given up: the booking is at its end."""
    _, zone = clock_of(uow, booking)
    codes = [stay.code for stay in booking.live]
    left_on = max((stay.checked_out_at for stay in booking.live if stay.checked_out_at), default=now)
    day = left_on.astimezone(ZoneInfo(zone)).date()
    return (events.checked_out(booking, context_of(uow, command), codes, day, now, last=True),)


def _booked_room(stay: Stay) -> BookedRoom:
    facts = {name: getattr(stay, name) for name in BookedRoom.model_fields if name != "type"}
    return BookedRoom(type=stay.room_type, **facts)


def _rule(booking: Booking, command: CancelBooking | MarkNoShow, context: EventContext) -> str:
    """The policy's sentence where it made the fee; a fee that the staff named has none."""
    return "" if command.fee is not None else policy_text(booking.terms, context.language) or ""
