"""A booking that moves to other nights: asked, kept or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.date_change import allocation
from services.availability.inventory.hold import Change, State
from services.availability.inventory.stay import stay_from
from services.availability.inventory.texts import wording
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    DropChange,
    KeepChange,
    RoomsChanged,
    RoomsNotChanged,
)
from shared.contracts.common import RefusalDetails
from shared.errors import Refusal
from shared.messages.message import Message


def change_rooms(uow: UnitOfWork, command: ChangeRooms, now: datetime) -> Iterable[Message]:
    """Hold a booking's rooms on other nights as well, priced anew; asked again, the answer is the same."""
    known = uow.holds.get(command.booking_id)
    if known and known.change and known.change.number == command.change:
        yield RoomsChanged.model_validate_json(known.change.answer)
        return
    house = uow.house(command.property_id)
    hold = allocation.check_may_change(known, command, house)
    earliest = min(house.today(now), hold.stay.check_in)  # who comes late or stays longer keeps the first night
    stay = stay_from(command.check_in, command.check_out, earliest)
    rooms = allocation.find_rooms(uow, house, hold, command, wording)
    answer = RoomsChanged(
        booking_id=hold.booking_id,
        change=command.change,
        rooms=tuple(rooms),
        total=allocation.total_of(rooms),
        currency=house.currency,
    )
    codes = tuple((room.room, wish.code) for room, wish in zip(rooms, command.rooms, strict=True))
    uow.reshape(hold.changing(Change(command.change, stay, codes, answer.model_dump_json())))
    yield answer


def rooms_not_changed(command: ChangeRooms, refusal: Refusal) -> Message:
    """The answer to a change that is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotChanged(booking_id=command.booking_id, change=command.change, refusal=details)


def keep_change(uow: UnitOfWork, command: KeepChange, _: datetime) -> Iterable[Message]:
    """The booking has its new nights alone; done twice, or after its release, it changes nothing."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        uow.reshape(hold.kept(command.change))
    yield ChangeKept(booking_id=command.booking_id, change=command.change)


def drop_change(uow: UnitOfWork, command: DropChange, _: datetime) -> Iterable[Message]:
    """The booking has its old nights alone, also where the change has not come yet."""
    hold = uow.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        uow.reshape(hold.dropped(command.change))
    yield ChangeDropped(booking_id=command.booking_id, change=command.change)
