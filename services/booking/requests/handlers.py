"""What booking does with requests, one function a message: (unit of work, message, now) gives the messages to send."""

from __future__ import annotations

from datetime import datetime

from services.booking.record import check_dates
from services.booking.requests import events
from services.booking.requests.evidence import check_paid, evidence_of
from services.booking.requests.property import check_multi_room
from services.booking.requests.saga.data import RESERVE_PAYMENT, RequestData
from services.booking.requests.saga.messages import accepted, hold_expired, still_open
from services.booking.requests.saga.table import BOOKING_REQUEST
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import FreeRooms, HoldExpired, ReleaseRooms
from shared.contracts.booking import BookingRequested, RequestInvalid, booking_id_of
from shared.contracts.common import Policy
from shared.errors import Refusal
from shared.saga import engine
from shared.saga.state import Phase, Verdict
from shared.saga.store import SagaRecord
from shared.saga.table import Rejection, Sends


def request_booking(uow: UnitOfWork, request: BookingRequested, now: datetime) -> Sends:
    """Begin a booking; one that was seen before gets its first outcome again, or where it is on its way to one."""
    booking_id = booking_id_of(request.request_id)
    if known := uow.saga(booking_id):
        return _answer_again(known, now)
    table = uow.sagas.tables[BOOKING_REQUEST.name]
    caller = request.caller if request.payment.payment_id else None  # it decides nothing else
    data = RequestData(
        booking_id=booking_id,
        request=request.facts(),
        property=uow.facts(request.property_id),
        policy=request.policy or Policy.ALL_OR_NOTHING,
        caller=caller,
    )
    try:
        property_ = uow.property(request.property_id)
        check_multi_room(property_, request)
        check_dates(request.check_in, request.check_out)
        evidence_of(request, caller)
        check_paid(request, now)
    except Refusal as refusal:
        rejection = Rejection(Verdict.REFUSED, refusal.code, refusal.text, refusal.details)
        transition = engine.reject(table, data, rejection, now)
        sends = transition.sends
    else:
        codes = uow.take_codes(property_.id, len(request.rooms))
        data = data.but(policy=request.policy or property_.policy, terms=property_.terms, codes=codes)
        transition = engine.begin(table, data, now)
        sends = (accepted(data, now), *transition.sends)
    uow.start(booking_id, table.name, transition, now)
    return sends


def refuse_invalid(uow: UnitOfWork, message: RequestInvalid, now: datetime) -> Sends:
    """Say what is wrong with a request; one whose id has an outcome already gets that one again."""
    if known := uow.saga(message.booking_id):
        return _answer_again(known, now)
    return (events.invalid(message, uow.facts(message.property_id), now),)


def take_expiry(uow: UnitOfWork, event: HoldExpired, now: datetime) -> Sends:
    """A hold ran out: the booking fails, unless it is confirmed. Rooms that no booking waits for are given back."""
    saga = uow.saga(event.booking_id)
    if saga is None or (saga.progress.phase is Phase.ENDED and saga.progress.verdict is not Verdict.DONE):
        return (ReleaseRooms(booking_id=event.booking_id, property_id=event.property_id),)
    if saga.data.freed and saga.progress.phase is Phase.RUNNING and saga.progress.step == RESERVE_PAYMENT:
        # The command to free them was lost. They are held again only when the money is found.
        return (FreeRooms(booking_id=event.booking_id, property_id=event.property_id, holding=1),)
    transition = engine.abort(saga.table, saga.state, hold_expired(event), now)
    uow.move(saga, transition, now)
    return transition.sends


def _answer_again(known: SagaRecord[RequestData], now: datetime) -> Sends:
    outcome = events.again(known.data, known.progress)
    return (outcome,) if outcome else (still_open(known.data, known.progress, now),)
