"""A booking's rooms: held, kept for longer, booked, released, freed and held again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.external import model
from services.availability.inventory import allocation
from services.availability.inventory.hold import Hold, State
from services.availability.inventory.stay import stay_from
from services.availability.inventory.texts import wording
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    BookRooms,
    ExtendHold,
    FreeRooms,
    HoldDue,
    HoldExpired,
    HoldRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsReleased,
)
from shared.contracts.common import RefusalDetails
from shared.errors import Refusal
from shared.messages.message import Message


def hold_rooms(uow: UnitOfWork, command: HoldRooms, now: datetime) -> Iterable[Message]:
    """Price every room and hold them all in one step, or under best effort those that can be had."""
    known = uow.holds.get(command.booking_id)
    if known and known.state is not State.FREED:
        if (wanted := known.wanted_again(command.holding)) is not known:
            uow.put(wanted)
        yield _answer_again(known)
        return
    if known and not known.may_hold_again(command.holding):
        return
    house = uow.house(command.property_id)
    stay = known.stay if known else stay_from(command.check_in, command.check_out, house.today(now))
    if house.outside and (house.id, stay) not in uow.seen_outside:
        uow.external_jobs.append(model.look(house, stay, hold=command))
        return
    if known:
        yield _hold_again(uow, known, command, now)
        return
    found = allocation.find_rooms(uow, house, stay, command, wording)
    answer = RoomsHeld(
        booking_id=command.booking_id,
        rooms=found.held,
        failed=found.failed,
        total=found.total,
        currency=house.currency,
        expires_at=uow.expiry(house, now),
        outside=house.outside is not None,
    )
    rooms = tuple(room.room for room in found.held)
    uow.add(
        Hold(command.booking_id, house.id, State.HELD, stay, rooms, answer.expires_at, answer=answer.model_dump_json())
    )
    yield answer


def rooms_not_held(command: HoldRooms, refusal: Refusal) -> Message:
    """The answer to a hold that is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotHeld(booking_id=command.booking_id, refusal=details)


def extend_hold(uow: UnitOfWork, command: ExtendHold, _: datetime) -> Iterable[Message]:
    """Keep the rooms for longer; of a hold that is booked or over there is nothing to extend."""
    hold = uow.holds.get(command.booking_id)
    if hold:
        uow.put(hold.extended(command.until))
    return ()


def book_rooms(uow: UnitOfWork, command: BookRooms, _: datetime) -> Iterable[Message]:
    """Make the hold a booking. That there is a hold is the saga's promise: a missing one is a fault."""
    hold = uow.holds[command.booking_id]
    uow.put(hold.booked(command.codes))
    yield RoomsBooked(booking_id=command.booking_id, rooms=hold.rooms)


def release_rooms(uow: UnitOfWork, command: ReleaseRooms, now: datetime) -> Iterable[Message]:
    """Free what the booking has; where it has nothing yet, see to it that it never will."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is not State.RELEASED:
        uow.release(hold.released())
    elif not hold:
        uow.put(allocation.never_held(command.booking_id, command.property_id, now))
    yield RoomsReleased(booking_id=command.booking_id, rooms=hold.rooms if hold else ())


def free_rooms(uow: UnitOfWork, command: FreeRooms, _: datetime) -> Iterable[Message]:
    """Let others have the rooms until they are held again; of what is not held there is nothing to free."""
    hold = uow.holds.get(command.booking_id)
    freed = hold.freed(command.holding) if hold else None
    if hold and freed is hold and hold.state is State.HELD:
        return  # it comes late: its booking holds rooms again
    if hold and freed and freed is not hold:
        uow.release(freed)
    rooms = hold.rooms if hold and hold.state is State.HELD else ()
    yield RoomsFreed(booking_id=command.booking_id, rooms=rooms)


def hold_due(uow: UnitOfWork, wake_up: HoldDue, now: datetime) -> Iterable[Message]:
    """Tell the owner of a hold whose time is up; only the owner knows whether it was confirmed meanwhile."""
    hold = uow.holds.get(wake_up.booking_id)
    if hold and hold.is_due(now):
        yield HoldExpired(booking_id=hold.booking_id, property_id=hold.property_id, expired_at=hold.expires_at)


def _hold_again(uow: UnitOfWork, known: Hold, command: HoldRooms, now: datetime) -> Message:
    house = uow.house(known.property_id)
    rooms = allocation.find_again(uow, house, known, command, wording)
    hold = known.held_again(tuple(room.room for room in rooms), uow.expiry(house, now), command.holding)
    uow.add(hold)
    return _as_it_is(hold)


def _answer_again(hold: Hold) -> Message:
    if hold.state is State.RELEASED:
        details = RefusalDetails(reason="hold_released", text="this booking's rooms were released before")
        return RoomsNotHeld(booking_id=hold.booking_id, refusal=details)
    return _as_it_is(hold)


def _as_it_is(hold: Hold) -> RoomsHeld:
    """The first answer, with the rooms that the hold has now: they stand in the order of its lines."""
    answer = RoomsHeld.model_validate_json(hold.answer)
    if tuple(room.room for room in answer.rooms) == hold.rooms:
        return answer
    rooms = [line.model_copy(update={"room": room}) for line, room in zip(answer.rooms, hold.rooms, strict=True)]
    return answer.model_copy(update={"rooms": tuple(rooms), "expires_at": hold.expires_at})
