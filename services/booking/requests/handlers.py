"""What booking does, one function a message: (bookings, message, now) gives messages or raises a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog

from services.booking.requests import events
from services.booking.requests.evidence import evidence_of
from services.booking.requests.property import check_multi_room
from services.booking.requests.saga.table import (
    MULTI_ROOM,
    MultiRoomData,
    has_no_rooms_to_lose,
    hold_expired,
    progressed,
)
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import FreeRooms, HoldExpired, ReleaseRooms, RoomsHeld
from shared.contracts.booking import BookingRequested, RequestInvalid, SagaDue, booking_id_of
from shared.contracts.common import Policy, Reason
from shared.contracts.payments import PaymentReserved
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing
from shared.saga import engine
from shared.saga.engine import Transition
from shared.saga.metrics import tell_alarms, tell_end
from shared.saga.state import Phase, Progress, Verdict
from shared.saga.store import SagaRecord
from shared.saga.table import Rejection

log = structlog.get_logger(__name__)

Sends = Iterable[Message | Outgoing]


def request_booking(uow: UnitOfWork, request: BookingRequested, now: datetime) -> Sends:
    """Begin a booking; a request that was seen before gets its first outcome and nothing else."""
    booking_id = booking_id_of(request.request_id)
    known = uow.saga(booking_id)
    if known:
        return _answer_again(known)
    data = _data(uow, request)
    try:
        house = uow.property(request.property_id)
        check_multi_room(house, request)
        _check_dates(request)
        evidence_of(request)
    except Refusal as refusal:
        no = Rejection(Verdict.REFUSED, refusal.code, refusal.text, refusal.details)
        turn = engine.refuse_at_once(uow.table, data, no, now)
        told: Sends = turn.sends
    else:
        turn = engine.begin(uow.table, data.but(policy=request.policy or house.policy, terms=house.terms), now)
        told = (progressed(data, "accepted", now), *turn.sends)
    uow.start(booking_id, turn, now)
    tell_end(MULTI_ROOM.name, turn, now, now)
    return told


def refuse_invalid(uow: UnitOfWork, message: RequestInvalid, now: datetime) -> Sends:
    """Say what is wrong with a request; one whose id has an outcome gets that, for it can have but one."""
    known = uow.saga(message.booking_id)
    if known:
        return _answer_again(known)
    return (events.invalid(message, uow.facts(message.property_id), now),)


def take_reply(uow: UnitOfWork, reply: Any, now: datetime) -> Sends:
    """Fold a service's answer into its saga."""
    known = uow.saga(reply.booking_id)
    if known is None:
        log.warning("reply.unknown_booking", type=reply.type_name)
        return ()
    return _turn(uow, known, engine.advance(uow.course(known), known.turn, reply, now), now)


def take_payment(uow: UnitOfWork, reply: PaymentReserved, now: datetime) -> Sends:
    """The payment is reserved: the saga decides, unless its rooms were freed and have to be held again."""
    known = uow.saga(reply.booking_id)
    if known is None or known.turn.data.freed:
        return take_reply(uow, reply, now)
    return _decide(uow, known, reply, now)


def take_rooms(uow: UnitOfWork, reply: RoomsHeld, now: datetime) -> Sends:
    """The rooms are held: for the first time, or again, and then the saga decides."""
    known = uow.saga(reply.booking_id)
    if known is None or not known.turn.data.freed:
        return take_reply(uow, reply, now)
    return _decide(uow, known, reply, now)


def take_expiry(uow: UnitOfWork, event: HoldExpired, now: datetime) -> Sends:
    """A hold ran out: the booking fails, unless it was confirmed. Rooms that nobody waits for are given back."""
    known = uow.saga(event.booking_id)
    if known is None or _ended_without_rooms(known.turn.progress):
        return (ReleaseRooms(booking_id=event.booking_id, property_id=event.property_id),)
    if has_no_rooms_to_lose(known.turn):
        return (FreeRooms(booking_id=event.booking_id, property_id=event.property_id, holding=1),)
    return _turn(uow, known, engine.abort(uow.course(known), known.turn, hold_expired(event), now), now)


def wake_saga(uow: UnitOfWork, wake_up: SagaDue, now: datetime) -> Sends:
    """A saga has waited long enough."""
    known = uow.saga(wake_up.booking_id)
    return _turn(uow, known, engine.wake(uow.course(known), known.turn, now), now) if known else ()


def _decide(
    uow: UnitOfWork, known: SagaRecord[MultiRoomData], reply: PaymentReserved | RoomsHeld, now: datetime
) -> Sends:
    """Take the last answer before the pivot: the saga needs its reservation codes."""
    before = Transition(uow.with_codes(known.turn.data), known.turn.progress)
    turn = engine.advance(uow.course(known), before, reply, now)
    return () if turn.progress is before.progress else _turn(uow, known, turn, now)  # a late answer gets no codes


def _turn(uow: UnitOfWork, known: SagaRecord[MultiRoomData], turn: Transition[MultiRoomData], now: datetime) -> Sends:
    was_open = known.turn.progress.verdict is Verdict.OPEN
    uow.move(known, turn)
    if was_open:
        tell_end(MULTI_ROOM.name, turn, known.started_at, now)
    tell_alarms(MULTI_ROOM.name, turn)
    return turn.sends


def _ended_without_rooms(progress: Progress) -> bool:
    return progress.phase is Phase.ENDED and progress.verdict is not Verdict.DONE


def _answer_again(known: SagaRecord[MultiRoomData]) -> Sends:
    outcome = events.again(known.turn.data, known.turn.progress)
    return (outcome,) if outcome else ()


def _data(uow: UnitOfWork, request: BookingRequested) -> MultiRoomData:
    return MultiRoomData(
        booking_id=booking_id_of(request.request_id),
        request=request.facts(),
        property=uow.facts(request.property_id),
        policy=request.policy or Policy.ALL_OR_NOTHING,
    )


def _check_dates(request: BookingRequested) -> None:
    if request.check_out <= request.check_in:
        text = f"check_out {request.check_out} must be after check_in {request.check_in}"
        raise Refusal(Reason.INVALID_REQUEST, text, field="check_out")
