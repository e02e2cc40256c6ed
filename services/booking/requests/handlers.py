"""What booking does, one function a message: (bookings, message, now) gives messages or raises a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog

from services.booking.requests import events
from services.booking.requests.evidence import evidence_of
from services.booking.requests.property import check_multi_room
from services.booking.requests.saga import MULTI_ROOM, Data, has_no_rooms_to_lose, hold_expired, progressed
from services.booking.unit_of_work import Bookings
from shared.contracts.availability import FreeRooms, HoldExpired, ReleaseRooms, RoomsHeld
from shared.contracts.booking import BookingRequested, RequestInvalid, SagaDue, booking_id_of
from shared.contracts.common import Policy, Reason
from shared.contracts.payments import PaymentReserved
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing
from shared.saga import engine
from shared.saga.engine import Turn
from shared.saga.metrics import tell_alarms, tell_end
from shared.saga.state import Phase, Progress, Verdict
from shared.saga.store import Stored
from shared.saga.table import No

log = structlog.get_logger(__name__)

Sends = Iterable[Message | Outgoing]


def request_booking(bookings: Bookings, request: BookingRequested, now: datetime) -> Sends:
    """Begin a booking; a request that was seen before gets its first outcome and nothing else."""
    booking_id = booking_id_of(request.request_id)
    known = bookings.saga(booking_id)
    if known:
        return _answer_again(known)
    data = _data(bookings, request)
    try:
        house = bookings.property(request.property_id)
        check_multi_room(house, request)
        _check_dates(request)
        evidence_of(request)
    except Refusal as refusal:
        no = No(Verdict.REFUSED, refusal.code, refusal.text, refusal.details)
        turn = engine.refuse_at_once(bookings.table, data, no, now)
        told: Sends = turn.sends
    else:
        turn = engine.begin(bookings.table, data.but(policy=request.policy or house.policy, terms=house.terms), now)
        told = (progressed(data, "accepted", now), *turn.sends)
    bookings.start(booking_id, turn, now)
    tell_end(MULTI_ROOM.name, turn, now, now)
    return told


def refuse_invalid(bookings: Bookings, message: RequestInvalid, now: datetime) -> Sends:
    """Say what is wrong with a request; one whose id has an outcome gets that, for it can have but one."""
    known = bookings.saga(message.booking_id)
    if known:
        return _answer_again(known)
    return (events.invalid(message, bookings.facts(message.property_id), now),)


def take_reply(bookings: Bookings, reply: Any, now: datetime) -> Sends:
    """Fold a service's answer into its saga."""
    known = bookings.saga(reply.booking_id)
    if known is None:
        log.warning("reply.unknown_booking", type=reply.type_name)
        return ()
    return _turn(bookings, known, engine.advance(bookings.course(known), known.turn, reply, now), now)


def take_payment(bookings: Bookings, reply: PaymentReserved, now: datetime) -> Sends:
    """The payment is reserved: the saga decides, unless its rooms were freed and have to be held again."""
    known = bookings.saga(reply.booking_id)
    if known is None or known.turn.data.freed:
        return take_reply(bookings, reply, now)
    return _decide(bookings, known, reply, now)


def take_rooms(bookings: Bookings, reply: RoomsHeld, now: datetime) -> Sends:
    """The rooms are held: for the first time, or again, and then the saga decides."""
    known = bookings.saga(reply.booking_id)
    if known is None or not known.turn.data.freed:
        return take_reply(bookings, reply, now)
    return _decide(bookings, known, reply, now)


def take_expiry(bookings: Bookings, event: HoldExpired, now: datetime) -> Sends:
    """A hold ran out: the booking fails, unless it was confirmed. Rooms that nobody waits for are given back."""
    known = bookings.saga(event.booking_id)
    if known is None or _ended_without_rooms(known.turn.progress):
        return (ReleaseRooms(booking_id=event.booking_id, property_id=event.property_id),)
    if has_no_rooms_to_lose(known.turn):
        return (FreeRooms(booking_id=event.booking_id, property_id=event.property_id, holding=1),)
    return _turn(bookings, known, engine.abort(bookings.course(known), known.turn, hold_expired(event), now), now)


def wake_saga(bookings: Bookings, wake_up: SagaDue, now: datetime) -> Sends:
    """A saga has waited long enough."""
    known = bookings.saga(wake_up.booking_id)
    return _turn(bookings, known, engine.wake(bookings.course(known), known.turn, now), now) if known else ()


def _decide(bookings: Bookings, known: Stored[Data], reply: PaymentReserved | RoomsHeld, now: datetime) -> Sends:
    """Take the last answer before the pivot: the saga needs its reservation codes."""
    before = Turn(bookings.with_codes(known.turn.data), known.turn.progress)
    turn = engine.advance(bookings.course(known), before, reply, now)
    return () if turn.progress is before.progress else _turn(bookings, known, turn, now)  # a late answer gets no codes


def _turn(bookings: Bookings, known: Stored[Data], turn: Turn[Data], now: datetime) -> Sends:
    was_open = known.turn.progress.verdict is Verdict.OPEN
    bookings.move(known, turn)
    if was_open:
        tell_end(MULTI_ROOM.name, turn, known.started_at, now)
    tell_alarms(MULTI_ROOM.name, turn)
    return turn.sends


def _ended_without_rooms(progress: Progress) -> bool:
    return progress.phase is Phase.ENDED and progress.verdict is not Verdict.DONE


def _answer_again(known: Stored[Data]) -> Sends:
    outcome = events.again(known.turn.data, known.turn.progress)
    return (outcome,) if outcome else ()


def _data(bookings: Bookings, request: BookingRequested) -> Data:
    return Data(
        booking_id=booking_id_of(request.request_id),
        request=request.facts(),
        property=bookings.facts(request.property_id),
        policy=request.policy or Policy.ALL_OR_NOTHING,
    )


def _check_dates(request: BookingRequested) -> None:
    if request.check_out <= request.check_in:
        text = f"check_out {request.check_out} must be after check_in {request.check_in}"
        raise Refusal(Reason.INVALID_REQUEST, text, field="check_out")
