"""Handlers of changes of a booking: new nights are held, then kept or dropped; single rooms are given up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.date_change import allocation
from services.availability.external import give_up
from services.availability.hold import DateChange, State
from services.availability.inventory import TEXTS
from services.availability.stay import stay_from
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    DropChange,
    GiveUpStays,
    KeepChange,
    RoomsChanged,
    RoomsNotChanged,
    StaysGivenUp,
)
from shared.contracts.common import RefusalDetails
from shared.errors import Refusal
from shared.messages.message import Message


def change_rooms(uow: UnitOfWork, command: ChangeRooms, now: datetime) -> Iterable[Message]:
    """Hold rooms for a booking on its new nights too, at today's prices. Repetition gives the same reply."""
    known = uow.holds.get(command.booking_id)
    if known and known.change and known.change.number == command.change:
        yield RoomsChanged.model_validate_json(known.change.answer)
        return
    property_ = uow.property_of(command.property_id)
    hold = allocation.check_may_change(known, command, property_)
    earliest = min(property_.today(now), hold.stay.check_in)  # a stay that has begun keeps its first night
    stay = stay_from(command.check_in, command.check_out, earliest)
    rooms = allocation.find_rooms(uow, property_, hold, command, TEXTS)
    answer = RoomsChanged(
        booking_id=hold.booking_id,
        change=command.change,
        rooms=tuple(rooms),
        total=allocation.total_of(rooms),
        currency=property_.currency,
    )
    codes = tuple((room.room, wish.code) for room, wish in zip(rooms, command.rooms, strict=True))
    uow.change_nights(hold.changing(DateChange(command.change, stay, codes, answer.model_dump_json())))
    yield answer


def rooms_not_changed(command: ChangeRooms, refusal: Refusal) -> Message:
    """The reply when a change is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotChanged(booking_id=command.booking_id, change=command.change, refusal=details)


def keep_change(uow: UnitOfWork, command: KeepChange, _: datetime) -> Iterable[Message]:
    """Give the old nights up; repeated, or after a release, it changes nothing."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        uow.change_nights(hold.kept(command.change))
    yield ChangeKept(booking_id=command.booking_id, change=command.change)


def give_up_stays(uow: UnitOfWork, command: GiveUpStays, _: datetime) -> Iterable[Message]:
    """Free single rooms of a booking. Where an external system keeps them, a job cancels them there and answers."""
    hold = uow.holds.get(command.booking_id)
    if hold and (after := hold.given_up(command.stays)) is not hold:
        uow.change_nights(after)
    if uow.property_of(command.property_id).outside:
        uow.external_jobs.append(give_up(command))
    else:
        yield StaysGivenUp(booking_id=command.booking_id, change=command.change)


def drop_change(uow: UnitOfWork, command: DropChange, _: datetime) -> Iterable[Message]:
    """Give the new nights up; a change that arrives later is refused."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        uow.change_nights(hold.dropped(command.change))
    yield ChangeDropped(booking_id=command.booking_id, change=command.change)
