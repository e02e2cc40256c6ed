"""Finding rooms for a booking that moves to other nights: the rooms that it has where they can be had, else others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from services.availability.catalogue.property import Property
from services.availability.inventory.allocation import Priced, Says, held_room, not_enough, price_line
from services.availability.inventory.counting import shortages
from services.availability.inventory.hold import Hold, State
from services.availability.inventory.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import ChangeRooms, HeldRoom, PlacedWish
from shared.errors import Refusal


def check_may_change(hold: Hold | None, command: ChangeRooms, house: Property) -> Hold:
    """The hold, where its nights can change.

    Raises:
        Refusal: no_rooms, change_dropped, change_pending or outside_rooms.
    """
    if hold is None or hold.state is not State.BOOKED:
        raise Refusal("no_rooms", "this booking has no rooms that could move to other nights")
    if house.outside:
        raise Refusal("outside_rooms", "an outside system keeps this property's rooms: change the dates there")
    if command.change <= hold.changes:
        raise Refusal("change_dropped", "this change was dropped before")
    if hold.change:
        raise Refusal("change_pending", "another change of this booking is not decided yet; try again in a moment")
    return hold


def find_rooms(uow: UnitOfWork, house: Property, hold: Hold, command: ChangeRooms, wording: Says) -> list[HeldRoom]:
    """One room for every line, all or none: its own wherever nobody else has it on those nights, else none to avoid.

    Raises:
        Refusal: for the first line that cannot be priced, or when rooms of a type fall short.
    """
    stay = Stay(command.check_in, command.check_out)
    priced = [(wish, _priced(house, stay, command.package, wish)) for wish in command.rooms]
    avoided = {room.casefold() for room in command.avoid_rooms} - {wish.room.casefold() for wish in command.rooms}
    free = {
        key: {room for room in uow.free_for(hold, stay, key) if room.casefold() not in avoided}
        for key in {line.type.key for _, line in priced}
    }
    short = shortages([line.type.key for _, line in priced], {key: len(rooms) for key, rooms in free.items()})
    if short:
        uow.check_view_is_whole(house)
        raise not_enough(house, stay, short, command.language, wording)
    own = {wish.line: wish.room for wish, line in priced if wish.room in free[line.type.key]}
    for key in free:
        free[key] -= set(own.values())
    return list(_given(uow, priced, own, free))


def total_of(rooms: Sequence[HeldRoom]) -> Decimal:
    """What the rooms cost together."""
    return sum((room.amount for room in rooms), Decimal("0.00"))


def _priced(house: Property, stay: Stay, package: str, wish: PlacedWish) -> Priced:
    try:
        return price_line(house, stay, package, wish)
    except Refusal as refusal:
        text = f"room {wish.line}: {refusal.text}"
        raise Refusal(refusal.code, text, **refusal.details, room=wish.line) from None


def _given(
    uow: UnitOfWork, priced: Sequence[tuple[PlacedWish, Priced]], own: dict[int, str], free: dict[str, set[str]]
) -> Iterator[HeldRoom]:
    for wish, line in priced:
        room = own.get(wish.line) or uow.dice.choice(sorted(free[line.type.key]))
        free[line.type.key].discard(room)
        yield held_room(line, room)
