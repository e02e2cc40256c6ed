"""What the staff's commands do with a booking, one function a command: each is answered once, done or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from functools import wraps
from typing import TypeVar
from zoneinfo import ZoneInfo

from services.booking.lifecycle import events
from services.booking.lifecycle.batch import State
from services.booking.lifecycle.event_context import EventContext
from services.booking.lifecycle.sagas.cancellation.data import CancellationData, End
from services.booking.lifecycle.sagas.cancellation.saga import CANCELLATION
from services.booking.lifecycle.sagas.change_dates.data import DateChangeData
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES
from services.booking.lifecycle.sagas.definition import begin
from services.booking.record import (
    Action,
    Booking,
    Status,
    Stay,
    StayStatus,
    check_came_late,
    check_dates,
    check_follows,
    check_may_change,
    policy_text,
)
from services.booking.requests import BOOK_ROOMS, CAPTURE_PAYMENT, RequestData
from services.booking.unit_of_work import CANCELLED, UnitOfWork, status_of
from shared.consumer.routing import RefusedTooLate
from shared.contracts.availability import PlacedWish
from shared.contracts.booking.staff import (
    CancelBooking,
    ChangeDates,
    CheckIn,
    CheckOut,
    MarkNoShow,
    RejectBooking,
    StaffCommand,
)
from shared.contracts.payments import FolioChanged
from shared.errors import Refusal
from shared.saga import engine
from shared.saga.state import Phase, Verdict
from shared.saga.table import Rejection, Sends

Done = tuple[State, Sends]
Command = TypeVar("Command", bound=StaffCommand)

NOON = time(12)
# What a confirmed booking must have before it can end or change: till then its own saga still asks for it.
SETTLED_FIRST = {BOOK_ROOMS, CAPTURE_PAYMENT}
REJECTED = "rejected"
WHY = {End.CANCELLED: "cancelled", End.NO_SHOW: "no-show"}


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


@answered
def cancel_booking(uow: UnitOfWork, command: CancelBooking, now: datetime) -> Done:
    """The booking is off: what is not confirmed is given up, what is confirmed costs its fee."""
    if _is_open(uow, command):
        check_follows(Status.PENDING, Status.CANCELLED)
        return State.DONE, _give_up(uow, command, CANCELLED, "the booking was cancelled", now)
    booking = _at_rest(uow, command)
    check_follows(booking.status, Status.CANCELLED)
    return State.DONE, _end(uow, command, booking, End.CANCELLED, now)


@answered
def mark_no_show(uow: UnitOfWork, command: MarkNoShow, now: datetime) -> Done:
    """The guests did not come."""
    booking = _at_rest(uow, command)
    check_follows(booking.status, Status.NO_SHOW)
    arrives_at, zone = _clock(uow, booking)
    check_came_late(booking, arrives_at, zone, now)
    return State.DONE, _end(uow, command, booking, End.NO_SHOW, now)


@answered
def reject_booking(uow: UnitOfWork, command: RejectBooking, now: datetime) -> Done:
    """The hotel does not take a booking that is not confirmed yet."""
    if not _is_open(uow, command):
        check_follows(_status(uow, command), Status.REJECTED)
    return State.DONE, _give_up(uow, command, REJECTED, "the hotel does not take the booking", now)


@answered
def check_in(uow: UnitOfWork, command: CheckIn, now: datetime) -> Done:
    """Guests have arrived."""
    booking = _at_rest(uow, command)
    _, zone = _clock(uow, booking)
    after = booking.checked_in(command.codes, command.who, zone, now)
    uow.lifecycle.alter(after, Action.CHECK_IN, command.who, now, command.reason)
    codes = _moved(booking, after, StayStatus.CHECKED_IN)
    return State.DONE, (events.checked_in(after, _context(uow, command), codes, now),)


@answered
def check_out(uow: UnitOfWork, command: CheckOut, now: datetime) -> Done:
    """Guests have left."""
    booking = _at_rest(uow, command)
    after = booking.checked_out(command.codes, command.who, now, owing=command.owing)
    uow.lifecycle.alter(after, Action.CHECK_OUT, command.who, now, command.reason)
    codes = _moved(booking, after, StayStatus.CHECKED_OUT)
    _, zone = _clock(uow, booking)
    left_on, last = now.astimezone(ZoneInfo(zone)).date(), after.status is Status.CHECKED_OUT
    event = events.checked_out(after, _context(uow, command), codes, left_on, now, last=last)
    return State.DONE, (event,)


@answered
def change_dates(uow: UnitOfWork, command: ChangeDates, now: datetime) -> Done:
    """Other nights: they are held and priced first, and the booking decides when it has them all."""
    booking = _at_rest(uow, command)
    check_may_change(booking)
    check_dates(command.check_in, command.check_out)
    if (command.check_in, command.check_out) == (booking.check_in, booking.check_out):
        raise Refusal("nothing_to_do", f"the booking is on these dates: {booking.check_in} to {booking.check_out}")
    booking.check_fee_kept(command.check_in, *_clock(uow, booking), now, command.leeway)
    data = DateChangeData(
        booking_id=booking.id,
        command_id=command.command_id,
        order=booking.orders + 1,
        revision=booking.revision + 1,
        context=_context(uow, command),
        check_in=command.check_in,
        check_out=command.check_out,
        package=booking.package,
        wishes=tuple(_wish(stay) for stay in booking.stays),
        avoid_rooms=_data(uow, command).request.avoid_rooms,
        who=command.who,
        reason=command.reason or "change of dates",
    )
    return State.UNDER_WAY, begin(uow, CHANGE_DATES, data, now)


def take_folio(uow: UnitOfWork, folio: FolioChanged, now: datetime) -> Sends:
    """The staff took money for a booking, gave some back or charged something."""
    if booking := uow.lifecycle.bookings.get(folio.booking_id):
        uow.lifecycle.record_folio(booking.apply_folio(folio.paid, folio.charges, folio.at), now)
    return ()


def _end(uow: UnitOfWork, command: CancelBooking | MarkNoShow, booking: Booking, end: End, now: datetime) -> Sends:
    arrives_at, zone = _clock(uow, booking)
    fee = booking.fee_now(command.fee, arrives_at, zone, now, command.leeway)
    context = _context(uow, command)
    data = CancellationData(
        booking_id=booking.id,
        command_id=command.command_id,
        end=end,
        order=booking.orders + 1,
        context=context,
        check_in=booking.check_in,
        check_out=booking.check_out,
        codes=booking.codes,
        fee=fee.fee,
        rule=_rule(booking, command, context),
        currency=booking.currency,
        who=command.who,
        reason=command.reason or WHY[end],
        outside=_data(uow, command).outside,
    )
    status = Status.CANCELLED if end is End.CANCELLED else Status.NO_SHOW
    action = Action.CANCEL if end is End.CANCELLED else Action.NO_SHOW
    uow.lifecycle.alter(booking.ended(status, fee), action, command.who, now, command.reason)
    return begin(uow, CANCELLATION, data, now)


def _rule(booking: Booking, command: CancelBooking | MarkNoShow, context: EventContext) -> str:
    """The policy's sentence where it made the fee; a fee that the staff named has none."""
    return "" if command.fee is not None else policy_text(booking.terms, context.language) or ""


def _give_up(uow: UnitOfWork, command: StaffCommand, reason: str, text: str, now: datetime) -> Sends:
    """End a booking whose saga has not decided: what it has is undone, and the guest is notified."""
    saga = uow.sagas.by_id[command.booking_id]
    transition = engine.abort(saga.table, saga.state, Rejection(Verdict.REFUSED, reason, text), now)
    uow.move(saga, transition, now, command.who, command.reason)
    return transition.sends


def _is_open(uow: UnitOfWork, command: StaffCommand) -> bool:
    saga = uow.saga(command.booking_id)
    return bool(saga and saga.progress.phase is Phase.RUNNING)


def _status(uow: UnitOfWork, command: StaffCommand) -> Status:
    """The status of a booking, by its row or, before it is confirmed, by its saga."""
    if booking := uow.lifecycle.bookings.get(command.booking_id):
        return booking.status
    saga = uow.saga(command.booking_id)
    if saga is None:
        raise Refusal("unknown_booking", f"booking_id: there is no booking {command.booking_id}", field="booking_id")
    return status_of(saga.progress)


def _at_rest(uow: UnitOfWork, command: StaffCommand) -> Booking:
    """The booking, confirmed to the end and with nothing under way.

    Raises:
        Refusal: unknown_booking, illegal_transition, change_under_way or confirmation_under_way.
    """
    booking = uow.lifecycle.bookings.get(command.booking_id)
    if booking is None:
        status = _status(uow, command)
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


def _data(uow: UnitOfWork, command: StaffCommand) -> RequestData:
    data: RequestData = uow.sagas.by_id[command.booking_id].data
    return data


def _context(uow: UnitOfWork, command: StaffCommand) -> EventContext:
    data = _data(uow, command)
    return EventContext(
        request_id=data.request.request_id,
        property=data.property,
        language=data.request.language,
        guest=data.request.guest,
        contact=data.request.contact,
        cancellation_policy=policy_text(data.terms, data.request.language),
    )


def _clock(uow: UnitOfWork, booking: Booking) -> tuple[time, str]:
    """When guests may arrive, and by which clocks."""
    property_ = uow.properties.get(booking.property_id)
    zone = uow.sagas.by_id[booking.id].data.property.timezone
    return (property_.check_in_time, property_.timezone) if property_ else (NOON, zone)


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
