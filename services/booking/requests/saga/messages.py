"""The messages of the saga of a request: what each step sends, and what each reply adds to the data."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.booking.requests import events
from services.booking.requests.evidence import evidence_of
from services.booking.requests.saga.data import RequestData
from shared.contracts.availability import (
    BookRooms,
    CancelOrders,
    ExtendHold,
    FreeRooms,
    HoldExpired,
    HoldRooms,
    OrderingGuest,
    OrderRooms,
    ReleaseRooms,
    RoomsHeld,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomWish,
)
from shared.contracts.booking import PAYMENT_ID, BookingProgressed
from shared.contracts.common import Reason
from shared.contracts.payments import (
    CapturePayment,
    PaymentAwaited,
    PaymentRefused,
    PaymentReserved,
    ReleasePayment,
    ReservePayment,
)
from shared.saga.state import Progress, Verdict
from shared.saga.table import Build, Rejection, Sends, Wait

# Rooms stay held for this much longer than their money is waited for, so that no hold runs out just before a decision.
HOLD_MARGIN = timedelta(minutes=5)
# An external system may let each call run into its time-out, and rooms are chosen again.
ORDER_PATIENCE = timedelta(minutes=30)
# The freed rooms could not be held again, or no answer came in time.
NOT_HELD_AGAIN = {Reason.ROOMS_GONE, Reason.TIMED_OUT, Reason.HOLD_EXPIRED}
# Reasons for which a booking fails although no service has refused it.
FAILURES = {Reason.PAYMENT_NOT_FOUND, Reason.HOLD_EXPIRED, Reason.TIMED_OUT, Reason.ROOM_FAILED}


def hold_rooms(data: RequestData, _: datetime) -> Sends:
    """Ask for every room at once; prices come with the reply."""
    request = data.request
    yield HoldRooms(
        booking_id=data.booking_id,
        property_id=data.property.id,
        check_in=request.check_in,
        check_out=request.check_out,
        package=request.package,
        rooms=tuple(RoomWish(line=line, **room.model_dump()) for line, room in enumerate(request.rooms, 1)),
        avoid_rooms=request.avoid_rooms,
        policy=data.policy,
        language=request.language,
        holding=data.holding(),
    )


def rooms_held(data: RequestData, reply: RoomsHeld) -> RequestData:
    """The rooms with their prices, and under best effort those that could not be had."""
    return data.but(
        rooms=reply.rooms, failed=reply.failed, total=reply.total, currency=reply.currency, outside=reply.outside
    )


def paid_too_little(data: RequestData) -> Rejection | None:
    """A guest who says to have paid less than the rooms cost, though the slip shows more, is asked what is right."""
    paid = data.request.payment
    if paid.slip_amount is None or data.total is None or paid.amount >= min(data.total, paid.slip_amount):
        return None
    lacking = data.total - paid.amount
    text = f"payment.amount: {paid.amount} was paid by this, and the rooms cost {data.total}: correct the amount"
    details = {"field": "payment.amount", "difference": str(lacking)}
    return Rejection(Verdict.REFUSED, Reason.PAYMENT_INSUFFICIENT, text, details)


def release_rooms(data: RequestData, _: datetime) -> Sends:
    """Give back every room, also if none was held."""
    yield ReleaseRooms(booking_id=data.booking_id, property_id=data.property.id)


def reserve_payment(data: RequestData, _: datetime) -> Sends:
    """Reserve the total price in one payment."""
    if data.total is None or data.currency is None:
        raise ValueError(f"booking {data.booking_id} has no price")
    yield ReservePayment(
        booking_id=data.booking_id,
        property_id=data.property.id,
        amount=data.total,
        currency=data.currency,
        evidence=evidence_of(data.request, data.caller),
    )


def payment_reserved(data: RequestData, reply: PaymentReserved) -> RequestData:
    """The payment that the booking is paid with; the id of another one that was given is told back as ignored."""
    data = data.but(payment_id=reply.payment_id, found_later=reply.found_later)
    given, ignored = data.request.payment.payment_id, data.request.ignored
    if not given or PAYMENT_ID in ignored or _same_id(given, reply.payment_id):
        return data
    return data.but(request=data.request.model_copy(update={"ignored": (*ignored, PAYMENT_ID)}))


def _same_id(one: str, other: str) -> bool:
    return one.replace("-", "").lower() == other.replace("-", "").lower()


def wait_for_payment(data: RequestData, reply: PaymentAwaited, now: datetime) -> Wait[RequestData]:
    """Keep the rooms while the payment is searched for, or free them once; the guest is notified once of each stage.

    Once staff have the case, the guest is notified of that instead.
    """
    sends: list[Any] = []
    if not data.freed:
        sends += _extend_hold(data, reply.keep_until) if reply.keep_rooms else free_rooms(data, now)
    data = data if reply.keep_rooms or data.freed else data.but(freed=True)
    if reply.escalated and not data.escalated:
        data = data.but(escalated=True)
        sends.append(events.escalated(data, now))
    elif reply.opens_stage and not data.escalated:
        sends.append(events.search_started(data, reply, now))
    return Wait(data, sends, reply.keep_until)


def _extend_hold(data: RequestData, until: datetime) -> Sends:
    yield ExtendHold(booking_id=data.booking_id, property_id=data.property.id, until=until + HOLD_MARGIN)


def release_payment(data: RequestData, _: datetime) -> Sends:
    """Give the money back and stop looking for it."""
    yield ReleasePayment(booking_id=data.booking_id)


def free_rooms(data: RequestData, _: datetime) -> Sends:
    """Let others have the rooms, also if they were not held again."""
    yield FreeRooms(booking_id=data.booking_id, property_id=data.property.id, holding=data.holding())


def rooms_held_again(data: RequestData, reply: RoomsHeld) -> RequestData:
    """Rooms for the same lines at the same prices; they may be other rooms."""
    return data.but(rooms=reply.rooms)


def order_rooms(data: RequestData, now: datetime) -> Sends:
    """Book the held rooms in the external system that keeps them, and hold them for as long as that may take."""
    request = data.request
    yield from _extend_hold(data, now + ORDER_PATIENCE)
    yield OrderRooms(
        booking_id=data.booking_id,
        property_id=data.property.id,
        package=request.package,
        payment_method=request.payment.method,
        guest=request.guest.name,
        guest_facts=OrderingGuest(
            email=request.guest.email,
            phone=request.guest.phone or request.contact.wa_id,
            city=request.guest.city,
            document=request.guest.document,
            nationality=request.guest.nationality,
        ),
        payer=request.payment.payer or request.guest.name,
        instructions=request.instructions or "",
        avoid_rooms=request.avoid_rooms,
        rooms=data.rooms,
        policy=data.policy,
        language=request.language,
    )


def rooms_ordered(data: RequestData, reply: RoomsOrdered) -> RequestData:
    """The rooms that were booked there, under that system's codes; under best effort they may be fewer."""
    ordered = {room.line: room for room in reply.rooms}
    rooms = tuple(
        room.model_copy(update={"room": ordered[room.line].room}) for room in data.rooms if room.line in ordered
    )
    failed = tuple(sorted((*data.failed, *reply.failed), key=lambda room: room.line))
    total = sum((room.amount for room in rooms), Decimal("0.00"))
    codes = {line: room.code for line, room in ordered.items()}
    return data.but(rooms=rooms, failed=failed, total=total, codes=codes)


def cancel_orders(data: RequestData, _: datetime) -> Sends:
    """Cancel whatever the external system has booked."""
    yield CancelOrders(booking_id=data.booking_id, property_id=data.property.id)


def confirm(data: RequestData, now: datetime) -> Sends:
    """The good outcome."""
    yield events.confirmed(data, now)


def book_rooms(data: RequestData, _: datetime) -> Sends:
    """Turn the hold into a booking under its codes."""
    codes = {room.room: data.codes[room.line] for room in data.rooms}
    yield BookRooms(booking_id=data.booking_id, property_id=data.property.id, codes=codes)


def capture_payment(data: RequestData, _: datetime) -> Sends:
    """Take the money; an external system may have had fewer rooms than the money was reserved for."""
    amount = data.total if data.outside else None
    yield CapturePayment(booking_id=data.booking_id, codes=data.reservation_codes(), amount=amount)


def refuse(data: RequestData, rejection: Rejection, now: datetime) -> Sends:
    """The bad outcome; staff are alerted when the payment was found and the freed rooms could not be held again."""
    yield events.not_booked(data, rejection, now)
    if data.freed and data.payment_id and rejection.reason in NOT_HELD_AGAIN:
        yield events.rooms_gone(data, rejection)


def progressed(data: RequestData, step: str, now: datetime, **details: Any) -> BookingProgressed:
    """A step on the way, for a gateway to show."""
    return BookingProgressed(
        booking_id=data.booking_id, request_id=data.request.request_id, step=step, at=now, details=details
    )


def accepted(data: RequestData, now: datetime) -> BookingProgressed:
    """The request is accepted; names in it that nobody knows were ignored."""
    ignored = data.request.ignored
    return progressed(data, "accepted", now, **({"ignored": list(ignored)} if ignored else {}))


def still_open(data: RequestData, progress: Progress, now: datetime) -> BookingProgressed:
    """The answer to a request that is repeated before its outcome: that it is known, and which step is under way."""
    return progressed(data, "accepted", now, repeated=True, under_way=progress.step)


def reported(step: str) -> Build[RequestData]:
    """Builds the progress event of a step that is done."""

    def build(data: RequestData, now: datetime) -> Sends:
        yield progressed(data, step, now)

    return build


def refused_by(reply: RoomsNotHeld | RoomsNotOrdered | PaymentRefused) -> Rejection:
    """Why a service refused; some reasons are failures, not decisions."""
    refusal = reply.refusal
    verdict = Verdict.FAILED if refusal.reason in FAILURES else Verdict.REFUSED
    return Rejection(verdict, refusal.reason, refusal.text, refusal.details)


def rooms_gone(reply: RoomsNotHeld) -> Rejection:
    """The payment was found, but the rooms that were freed meanwhile are no longer there."""
    refusal = reply.refusal
    details = {"because": refusal.reason, **refusal.details}
    return Rejection(Verdict.FAILED, Reason.ROOMS_GONE, refusal.text, details)


def hold_expired(event: HoldExpired) -> Rejection:
    """The rooms could not be kept any longer."""
    details = {"expired_at": event.expired_at.isoformat()}
    return Rejection(Verdict.FAILED, Reason.HOLD_EXPIRED, "the rooms could not be kept any longer", details)
