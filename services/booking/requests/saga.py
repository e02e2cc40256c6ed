"""The multi-room booking: every room or none, one payment, one outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.booking.lifecycle.cancellation_fee import Terms
from services.booking.requests import events
from services.booking.requests.evidence import evidence_of
from shared.contracts.availability import (
    BookRooms,
    CancelOrders,
    ExtendHold,
    FailedRoom,
    FreeRooms,
    HeldRoom,
    HoldExpired,
    HoldRooms,
    OrderRooms,
    OrdersCancelled,
    ReleaseRooms,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
    RoomWish,
)
from shared.contracts.booking import BookingProgressed, PropertyFacts, RequestFacts
from shared.contracts.common import Policy, Reason
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified
from shared.contracts.payments import (
    CapturePayment,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    ReleasePayment,
    ReservePayment,
)
from shared.saga.engine import Transition
from shared.saga.state import Phase, Verdict
from shared.saga.table import Kind, Rejection, SagaTable, Sends, Step, Wait, compensable, pivot, retriable

# Rooms outlive the wait for their money by this much, so that a hold never runs out under a saga about to decide.
HOLD_MARGIN = timedelta(minutes=5)
# An outside system may let each call run into its time-out, and rooms are chosen again.
ORDER_PATIENCE = timedelta(minutes=30)
# What a gateway is told when a step is done.
SAID = {
    "hold rooms": "rooms_held",
    "reserve payment": "payment_reserved",
    "hold rooms again": "rooms_held_again",
    "order rooms": "rooms_ordered",
    "book rooms": "rooms_booked",
    "capture payment": "payment_captured",
    "tell the guest": "guest_notified",
    "link the conversation": "conversation_linked",
}
# What ends a booking without anybody having said no.
FAILURES = {Reason.PAYMENT_NOT_FOUND, Reason.HOLD_EXPIRED, Reason.TIMED_OUT, Reason.ROOM_FAILED}


class MultiRoomData(BaseModel):
    """What a multi-room booking knows so far."""

    model_config = ConfigDict(frozen=True)

    booking_id: UUID
    request: RequestFacts
    property: PropertyFacts
    policy: Policy
    rooms: tuple[HeldRoom, ...] = ()
    failed: tuple[FailedRoom, ...] = ()
    total: Decimal | None = None
    currency: str | None = None
    payment_id: str | None = None
    found_later: bool = False
    codes: tuple[str, ...] = ()
    outside: bool = False
    freed: bool = False
    escalated: bool = False
    terms: Terms | None = None

    def but(self, **changes: Any) -> MultiRoomData:
        """The same with some fields changed."""
        return self.model_copy(update=changes)


def hold_rooms(data: MultiRoomData, _: datetime) -> Sends:
    """Ask for every room at once; prices come with the answer."""
    request = data.request
    wishes = tuple(RoomWish(line=n, **room.model_dump()) for n, room in enumerate(request.rooms, 1))
    yield HoldRooms(
        booking_id=data.booking_id,
        property_id=data.property.id,
        check_in=request.check_in,
        check_out=request.check_out,
        package=request.package,
        rooms=wishes,
        avoid_rooms=request.avoid_rooms,
        policy=data.policy,
        language=request.language,
        holding=_holding(data),
    )


def _holding(data: MultiRoomData) -> int:
    """For which time rooms are held: the second once they were given up for the last stage of the search."""
    return 2 if data.freed else 1


def rooms_held(data: MultiRoomData, reply: RoomsHeld) -> MultiRoomData:
    """The rooms with their prices, and under best effort those that could not be had."""
    return data.but(rooms=reply.rooms, failed=reply.failed, total=reply.total, currency=reply.currency).but(
        outside=reply.outside
    )


def release_rooms(data: MultiRoomData, _: datetime) -> Sends:
    """Give back every room, also where the hold never happened."""
    yield ReleaseRooms(booking_id=data.booking_id, property_id=data.property.id)


def reserve_payment(data: MultiRoomData, _: datetime) -> Sends:
    """Set the whole price aside, once."""
    if data.total is None or data.currency is None:
        raise ValueError(f"booking {data.booking_id} has no price")
    yield ReservePayment(
        booking_id=data.booking_id,
        property_id=data.property.id,
        amount=data.total,
        currency=data.currency,
        evidence=evidence_of(data.request),
    )


def payment_reserved(data: MultiRoomData, reply: PaymentReserved) -> MultiRoomData:
    """The payment that serves the booking."""
    return data.but(payment_id=reply.payment_id, found_later=reply.found_later)


def wait_for_payment(data: MultiRoomData, reply: PaymentAwaited, now: datetime) -> Wait[MultiRoomData]:
    """Keep the rooms while the money is looked for, or free them once; the guest hears of each stage once.

    Once the staff has the case the guest hears of that instead.
    """
    sends: list[Any] = []
    if not data.freed:
        sends += _kept(data, reply.keep_until) if reply.keep_rooms else free_rooms(data, now)
    data = data if reply.keep_rooms or data.freed else data.but(freed=True)
    if reply.escalated and not data.escalated:
        data = data.but(escalated=True)
        sends.append(events.escalated(data, now))
    elif reply.opens_stage and not data.escalated:
        sends.append(events.search_started(data, reply, now))
    return Wait(data, sends, reply.keep_until)


def _kept(data: MultiRoomData, until: datetime) -> Sends:
    yield ExtendHold(booking_id=data.booking_id, property_id=data.property.id, until=until + HOLD_MARGIN)


def free_rooms(data: MultiRoomData, _: datetime) -> Sends:
    """Let others have the rooms, also where they were not held again."""
    yield FreeRooms(booking_id=data.booking_id, property_id=data.property.id, holding=_holding(data))


def rooms_held_again(data: MultiRoomData, reply: RoomsHeld) -> MultiRoomData:
    """Rooms for the same lines at the same prices, possibly others."""
    return data.but(rooms=reply.rooms)


def order_rooms(data: MultiRoomData, now: datetime) -> Sends:
    """Book the held rooms in the outside system that keeps them, and hold them for as long as that may take."""
    request = data.request
    until = now + ORDER_PATIENCE + HOLD_MARGIN
    yield ExtendHold(booking_id=data.booking_id, property_id=data.property.id, until=until)
    yield OrderRooms(
        booking_id=data.booking_id,
        property_id=data.property.id,
        package=request.package,
        payment_method=request.payment.method,
        guest=request.guest.name,
        payer=request.payment.payer or request.guest.name,
        instructions=request.instructions or "",
        avoid_rooms=request.avoid_rooms,
        rooms=data.rooms,
        policy=data.policy,
        language=request.language,
    )


def rooms_ordered(data: MultiRoomData, reply: RoomsOrdered) -> MultiRoomData:
    """The rooms that were really got, each under the outside system's code; under best effort they may be fewer."""
    got = {room.line: room for room in reply.rooms}
    rooms = tuple(room.model_copy(update={"room": got[room.line].room}) for room in data.rooms if room.line in got)
    failed = tuple(sorted((*data.failed, *reply.failed), key=lambda room: room.line))
    total = sum((room.amount for room in rooms), Decimal("0.00"))
    return data.but(rooms=rooms, failed=failed, total=total, codes=tuple(got[room.line].code for room in rooms))


def cancel_orders(data: MultiRoomData, _: datetime) -> Sends:
    """Undo whatever the outside system has booked."""
    yield CancelOrders(booking_id=data.booking_id, property_id=data.property.id)


def release_payment(data: MultiRoomData, _: datetime) -> Sends:
    """Give the money back and stop looking for it."""
    yield ReleasePayment(booking_id=data.booking_id)


def confirm(data: MultiRoomData, now: datetime) -> Sends:
    """The outcome."""
    yield events.confirmed(data, now)


def book_rooms(data: MultiRoomData, _: datetime) -> Sends:
    """Make the hold a booking under its codes."""
    codes = {room.room: code for room, code in zip(data.rooms, data.codes, strict=True)}
    yield BookRooms(booking_id=data.booking_id, property_id=data.property.id, codes=codes)


def capture_payment(data: MultiRoomData, _: datetime) -> Sends:
    """Take the money, with all codes; an outside system may have had fewer rooms than it was reserved for."""
    amount = data.total if data.outside else None
    yield CapturePayment(booking_id=data.booking_id, codes=data.codes, amount=amount)


def refuse(data: MultiRoomData, no: Rejection, now: datetime) -> Sends:
    """The outcome of a booking that did not come about; where its money is there, the staff is told."""
    yield events.not_booked(data, no, now)
    if data.freed and data.payment_id:
        yield events.rooms_gone(data, no)


def report(data: MultiRoomData, step: str, now: datetime) -> Sends:
    """Progress, for a gateway to show."""
    yield progressed(data, step, now)


def progressed(data: MultiRoomData, step: str, now: datetime) -> BookingProgressed:
    """One step on the way."""
    return BookingProgressed(
        booking_id=data.booking_id, request_id=data.request.request_id, step=SAID.get(step, step), at=now
    )


def refused_by(reply: RoomsNotHeld | RoomsNotOrdered | PaymentRefused) -> Rejection:
    """Why a service said no; what nobody decided against is a failure."""
    reason = reply.refusal
    verdict = Verdict.FAILED if reason.reason in FAILURES else Verdict.REFUSED
    return Rejection(verdict, reason.reason, reason.text, reason.details)


def gone(reply: RoomsNotHeld) -> Rejection:
    """The money was found, and the rooms that were freed meanwhile are no longer there."""
    reason = reply.refusal
    return Rejection(Verdict.FAILED, Reason.ROOMS_GONE, reason.text, {"because": reason.reason, **reason.details})


def hold_expired(event: HoldExpired) -> Rejection:
    """The rooms could not be kept any longer."""
    return Rejection(
        Verdict.FAILED,
        Reason.HOLD_EXPIRED,
        "the rooms could not be kept any longer",
        {"expired_at": event.expired_at.isoformat()},
    )


MULTI_ROOM: SagaTable[MultiRoomData] = SagaTable(
    name="multi_room",
    steps=(
        compensable(
            "hold rooms",
            do=hold_rooms,
            done=RoomsHeld,
            on_reply=rooms_held,
            refused=RoomsNotHeld,
            refusal=refused_by,
            undo=release_rooms,
            undone=RoomsReleased,
        ),
        compensable(
            "reserve payment",
            do=reserve_payment,
            done=PaymentReserved,
            on_reply=payment_reserved,
            refused=PaymentRefused,
            refusal=refused_by,
            waiting=PaymentAwaited,
            wait=wait_for_payment,
            undo=release_payment,
            undone=PaymentReleased,
        ),
        pivot("confirm", do=confirm),
        retriable("book rooms", do=book_rooms, done=RoomsBooked),
        retriable("capture payment", do=capture_payment, done=PaymentCaptured),
        retriable("tell the guest", do=confirm, done=GuestNotified),
        retriable("link the conversation", do=confirm, done=ConversationLinked),
    ),
    refuse=refuse,
    report=report,
)

# Where an outside system keeps the rooms they are booked there before the decision, for it may say no.
ORDER: Step[MultiRoomData] = compensable(
    "order rooms",
    do=order_rooms,
    done=RoomsOrdered,
    on_reply=rooms_ordered,
    refused=RoomsNotOrdered,
    refusal=refused_by,
    undo=cancel_orders,
    undone=OrdersCancelled,
    patience=ORDER_PATIENCE,
)


# Rooms that were freed in the last stage of the search are held again once the money is found.
HOLD_AGAIN: Step[MultiRoomData] = compensable(
    "hold rooms again",
    do=hold_rooms,
    done=RoomsHeld,
    on_reply=rooms_held_again,
    refused=RoomsNotHeld,
    refusal=gone,
    undo=free_rooms,
    undone=RoomsFreed,
)


def course_of(table: SagaTable[MultiRoomData], data: MultiRoomData) -> SagaTable[MultiRoomData]:
    """The steps of this booking: the table's, and more where its rooms were freed or an outside system keeps them.

    Both is known by the time that the payment is reserved; what is more comes later, so that no place changes.
    """
    return _with_more(table, again=data.freed, order=data.outside)


@lru_cache(maxsize=16)
def _with_more(table: SagaTable[MultiRoomData], *, again: bool, order: bool) -> SagaTable[MultiRoomData]:
    if not (again or order):
        return table
    steps = table.steps
    at = next(number for number, step in enumerate(steps) if step.kind is Kind.PIVOT)
    more = [replace(HOLD_AGAIN, patience=steps[0].patience)] if again else []
    more += [ORDER] if order else []
    return replace(table, steps=(*steps[:at], *more, *steps[at:]))


def has_no_rooms_to_lose(turn: Transition[MultiRoomData]) -> bool:
    """Whether its rooms were freed, and are held again only when the money is found."""
    waits = turn.progress.phase is Phase.RUNNING and MULTI_ROOM.steps[turn.progress.at_step].name == "reserve payment"
    return turn.data.freed and waits
