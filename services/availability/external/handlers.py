"""Rooms that an outside system keeps: seen, ordered and cancelled there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.external import model
from services.availability.hold import Hold, State
from services.availability.inventory import TEXTS, count_refused, count_rooms, hold_rooms, rooms_not_held
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    CancelOrders,
    FailedRoom,
    OrderedRoom,
    OrderRooms,
    OutsideOrdered,
    OutsideSeen,
    RoomsHeld,
    RoomsNotOrdered,
    RoomsOrdered,
)
from shared.contracts.common import Reason, RefusalDetails
from shared.errors import Refusal
from shared.messages.message import Message


def look_outside(uow: UnitOfWork, seen: OutsideSeen, now: datetime) -> Iterable[Message]:
    """Go on with a count or a hold, now that it is known what the outside system calls free."""
    if seen.free is None:
        raise Refusal(model.AWAY, f"the property's system does not answer ({seen.problem}); ask again in a moment")
    property_ = uow.property_of(seen.property_id)
    stay = Stay(seen.check_in, seen.check_out)
    uow.narrow(property_, stay, seen.free)
    if seen.count:
        yield from count_rooms(uow, seen.count, now)
    if seen.hold:
        yield from hold_rooms(uow, seen.hold, now)


def outside_not_seen(seen: OutsideSeen, refusal: Refusal) -> Message:
    """The answer to the count or the hold that the system was asked for."""
    if seen.hold:
        return rooms_not_held(seen.hold, refusal)
    if seen.count is None:
        raise refusal
    return count_refused(seen.count, refusal)


def order_rooms(uow: UnitOfWork, command: OrderRooms, _: datetime) -> Iterable[Message]:
    """Have the held rooms booked in the outside system. That there is a hold is the saga's promise."""
    hold = uow.holds[command.booking_id]
    if hold.state is State.RELEASED:
        raise Refusal("hold_released", "this booking's rooms were released before")
    if hold.codes:
        if len(hold.codes) < len(command.rooms):
            raise Refusal("ordered_in_part", "this booking's rooms were ordered before, as far as they could be had")
        yield _ordered(hold, command)
        return
    uow.external_jobs.append(model.order(command))


def rooms_not_ordered(command: OrderRooms, refusal: Refusal) -> Message:
    """The answer to an order that cannot be begun."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotOrdered(booking_id=command.booking_id, refusal=details)


def rooms_ordered(uow: UnitOfWork, ordered: OutsideOrdered, _: datetime) -> Iterable[Message]:
    """The hold has the rooms that it really got; where it was released meanwhile, what follows cancels them."""
    hold = uow.holds[ordered.booking_id]
    if hold.state is not State.RELEASED:
        uow.replace_rooms(hold.ordered({room.room: room.code for room in ordered.rooms}))
    yield RoomsOrdered(booking_id=ordered.booking_id, rooms=ordered.rooms, failed=_missed(hold, ordered))


def cancel_orders(uow: UnitOfWork, command: CancelOrders, _: datetime) -> Iterable[Message]:
    """Undo what the outside system has booked, after any call that is still under way."""
    uow.external_jobs.append(model.cancel(command))
    return ()


def _ordered(hold: Hold, command: OrderRooms) -> Message:
    """The same answer again; the rooms of a hold stand in the order of its lines."""
    lines = sorted(room.line for room in command.rooms)
    codes = dict(hold.codes)
    rooms = [OrderedRoom(line=line, room=room, code=codes[room]) for line, room in zip(lines, hold.rooms, strict=True)]
    return RoomsOrdered(booking_id=hold.booking_id, rooms=tuple(rooms))


def _missed(hold: Hold, ordered: OutsideOrdered) -> tuple[FailedRoom, ...]:
    """The lines that the outside system had no room for, in the guest's words."""
    if not ordered.failed:
        return ()
    lines = {room.line: room for room in RoomsHeld.model_validate_json(hold.answer).rooms}
    return tuple(
        FailedRoom(
            line=line,
            type=lines[line].type,
            reason=Reason.ROOM_FAILED,
            text=TEXTS.missed(lines[line].type_label, Reason.ROOM_FAILED, ordered.language),
        )
        for line in ordered.failed
    )
