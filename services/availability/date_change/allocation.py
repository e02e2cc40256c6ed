"""Allocates rooms on a booking's new nights: the rooms that it has where they are free, else others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from services.availability.catalogue import Property
from services.availability.hold import Hold, State
from services.availability.inventory import (
    PricedRoom,
    ShortageTexts,
    held_room,
    not_enough,
    price_line,
    shortages,
)
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import ChangeRooms, HeldRoom, PlacedWish
from shared.errors import Refusal


def check_may_change(hold: Hold | None, command: ChangeRooms, property_: Property) -> Hold:
    """The hold, if its dates can change.

    Raises:
        Refusal: no_rooms, change_dropped, change_pending or outside_rooms.
    """
    if hold is None or hold.state is not State.BOOKED:
        raise Refusal("no_rooms", "this booking has no booked rooms whose dates could change")
    if property_.outside:
        raise Refusal("outside_rooms", "an outside system keeps this property's rooms: change the dates there")
    if command.change <= hold.changes:
        raise Refusal("change_dropped", "this change was dropped before")
    if hold.change:
        raise Refusal("change_pending", "another change of this booking is not decided yet; try again in a moment")
    return hold


def find_rooms(
    uow: UnitOfWork, property_: Property, hold: Hold, command: ChangeRooms, texts: ShortageTexts
) -> list[HeldRoom]:
    """Assign a room to every line: its own where that is free, else another that is not in `avoid_rooms`.

    Raises:
        Refusal: when a line has no price, or too few rooms of a type are free.
        Conflict: when rooms fall short and this batch freed some, which are not in `own_free`.
    """
    stay = Stay(command.check_in, command.check_out)
    priced = [(wish, _priced(property_, stay, command.package, wish)) for wish in command.rooms]
    avoided = {room.casefold() for room in command.avoid_rooms} - {wish.room.casefold() for wish in command.rooms}
    free = {
        key: {room for room in uow.free_for(hold, stay, key) if room.casefold() not in avoided}
        for key in {line.type.key for _, line in priced}
    }
    short = shortages([line.type.key for _, line in priced], {key: len(rooms) for key, rooms in free.items()})
    if short:
        uow.require_complete_view(property_)
        raise not_enough(property_, stay, short, command.language, texts)
    own = {wish.line: wish.room for wish, line in priced if wish.room in free[line.type.key]}
    for key in free:
        free[key] -= set(own.values())
    return list(_assigned(uow, priced, own, free))


def total_of(rooms: Sequence[HeldRoom]) -> Decimal:
    """The sum of the rooms' prices."""
    return sum((room.amount for room in rooms), Decimal("0.00"))


def _priced(property_: Property, stay: Stay, package: str, wish: PlacedWish) -> PricedRoom:
    try:
        return price_line(property_, stay, package, wish)
    except Refusal as refusal:
        text = f"room {wish.line}: {refusal.text}"
        raise Refusal(refusal.code, text, **refusal.details, room=wish.line) from None


def _assigned(
    uow: UnitOfWork, priced: Sequence[tuple[PlacedWish, PricedRoom]], own: dict[int, str], free: dict[str, set[str]]
) -> Iterator[HeldRoom]:
    for wish, line in priced:
        room = own.get(wish.line) or uow.rng.choice(sorted(free[line.type.key]))
        free[line.type.key].discard(room)
        yield held_room(line, room)
