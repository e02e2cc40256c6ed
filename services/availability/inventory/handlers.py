"""Handlers of holds: rooms are held, extended, booked, released, freed and held again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.external import look
from services.availability.hold import Hold, State
from services.availability.inventory import allocation
from services.availability.inventory.texts import TEXTS
from services.availability.stay import stay_from
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
    """Price and hold all rooms in one step, or under best effort those that are free. Repetition gives the same reply.

    Where an external system keeps the rooms, a job asks it first; the hold goes on when OutsideSeen arrives.
    """
    known, holding = uow.holds.get(command.booking_id), command.holding or 1
    if known and known.state is not State.FREED:
        if known.state is State.HELD and holding > known.holding:
            known = known.wanted_again(holding, uow.expiry(uow.property_of(known.property_id), now))
            uow.put(known)
        yield _repeated_answer(known, command)
        return
    if known and not known.may_hold_again(command.holding):
        return
    property_ = uow.property_of(command.property_id)
    stay = known.stay if known else stay_from(command.check_in, command.check_out, property_.today(now))
    if property_.outside and (property_.id, stay) not in uow.seen_outside:
        uow.external_jobs.append(look(property_, stay, hold=command))
        return
    if known:
        yield _hold_again(uow, known, command, now)
        return
    found = allocation.find_rooms(uow, property_, stay, command, TEXTS)
    answer = RoomsHeld(
        booking_id=command.booking_id,
        rooms=found.held,
        failed=found.failed,
        total=found.total,
        currency=property_.currency,
        expires_at=uow.expiry(property_, now),
        outside=property_.outside is not None,
        holding=command.holding,
    )
    rooms = tuple(room.room for room in found.held)
    uow.add(
        Hold(
            command.booking_id,
            property_.id,
            State.HELD,
            stay,
            rooms,
            answer.expires_at,
            answer=answer.model_dump_json(),
            holding=holding,
        )
    )
    yield answer


def rooms_not_held(command: HoldRooms, refusal: Refusal) -> Message:
    """The reply when a hold is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotHeld(booking_id=command.booking_id, refusal=details, holding=command.holding)


def extend_hold(uow: UnitOfWork, command: ExtendHold, _: datetime) -> Iterable[Message]:
    """Extend a hold; nothing happens where there is none or it is already booked or ended."""
    hold = uow.holds.get(command.booking_id)
    if hold:
        uow.put(hold.extended(command.until))
    return ()


def book_rooms(uow: UnitOfWork, command: BookRooms, _: datetime) -> Iterable[Message]:
    """Turn the hold into a booking. The saga guarantees that there is one: a missing hold is a fault."""
    hold = uow.holds[command.booking_id]
    uow.put(hold.booked(command.codes))
    yield RoomsBooked(booking_id=command.booking_id, rooms=hold.rooms)


def release_rooms(uow: UnitOfWork, command: ReleaseRooms, now: datetime) -> Iterable[Message]:
    """Free the booking's rooms. Without a hold a tombstone is stored, so that a later one is refused."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is not State.RELEASED:
        uow.release(hold.released())
    elif not hold:
        uow.put(allocation.tombstone(command.booking_id, command.property_id, now))
    yield RoomsReleased(booking_id=command.booking_id, rooms=hold.rooms if hold else ())


def free_rooms(uow: UnitOfWork, command: FreeRooms, _: datetime) -> Iterable[Message]:
    """Give the rooms up until they are requested again; nothing happens unless they are held."""
    hold = uow.holds.get(command.booking_id)
    freed = hold.freed(command.holding) if hold else None
    if hold and freed is hold and hold.state is State.HELD:
        return  # late: the booking has requested its rooms again
    if hold and freed and freed is not hold:
        uow.release(freed)
    rooms = hold.rooms if hold and hold.state is State.HELD else ()
    yield RoomsFreed(booking_id=command.booking_id, rooms=rooms, holding=command.holding)


def hold_due(uow: UnitOfWork, wake_up: HoldDue, now: datetime) -> Iterable[Message]:
    """Tell the saga that a hold has expired; only the saga knows whether the booking was confirmed meanwhile."""
    hold = uow.holds.get(wake_up.booking_id)
    if hold and hold.is_due(now):
        yield HoldExpired(booking_id=hold.booking_id, property_id=hold.property_id, expired_at=hold.expires_at)


def _hold_again(uow: UnitOfWork, known: Hold, command: HoldRooms, now: datetime) -> Message:
    property_ = uow.property_of(known.property_id)
    rooms = allocation.reallocate(uow, property_, known, command, TEXTS)
    hold = known.held_again(tuple(room.room for room in rooms), uow.expiry(property_, now), command.holding)
    uow.add(hold)
    return _current_answer(hold, command)


def _repeated_answer(hold: Hold, command: HoldRooms) -> Message:
    if hold.state is State.RELEASED:
        return rooms_not_held(command, Refusal("hold_released", "this booking's rooms were released before"))
    return _current_answer(hold, command)


def _current_answer(hold: Hold, command: HoldRooms) -> RoomsHeld:
    """The first reply with the rooms and the expiry that the hold has now; its rooms are in the order of its lines."""
    answer = RoomsHeld.model_validate_json(hold.answer)
    if len(answer.rooms) != len(hold.rooms):  # single rooms were given up since: only a late repetition asks
        return answer
    rooms = [line.model_copy(update={"room": room}) for line, room in zip(answer.rooms, hold.rooms, strict=True)]
    current = {"rooms": tuple(rooms), "expires_at": hold.expires_at, "holding": command.holding}
    return answer.model_copy(update=current)
