"""Finding rooms for a request: every line priced, fitted and given a room of its own, all or as many as can be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from services.availability.catalogue.property import Property, RoomType, check_package_serves, check_party_fits
from services.availability.inventory.counting import shortages
from services.availability.inventory.hold import Hold, State
from services.availability.inventory.stay import Stay
from services.availability.pricing.rules import cents, check_extra_beds_cost, price_room, with_tax
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import FailedRoom, HeldRoom, HoldRooms, RoomsHeld, RoomWish, Shortage
from shared.contracts.common import Language, Policy, Reason
from shared.errors import Refusal


class Says(Protocol):
    """What words shortages and missed rooms for the guest."""

    def shortage(self, house: Property, stay: Stay, short: Sequence[Shortage], language: Language) -> str:
        """A sentence with a line for each type that falls short."""
        ...

    def missed(self, label: str, reason: str, language: Language) -> str:
        """Why a room of a best-effort request could not be had, after its type's label."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """The rooms found for a request, and the lines that none was found for."""

    held: tuple[HeldRoom, ...]
    failed: tuple[FailedRoom, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the rooms' prices."""
        return sum((room.amount for room in self.held), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class Priced:
    """A wanted room with its price; `beds` is the part of it that extra beds make."""

    wish: RoomWish
    type: RoomType
    amount: Decimal
    beds: Decimal
    first_night: Decimal


def find_rooms(uow: UnitOfWork, house: Property, stay: Stay, command: HoldRooms, wording: Says) -> Found:
    """Distinct rooms for every line, chosen at random among the free ones, never one to be avoided.

    Raises:
        Refusal: under all or nothing for the first line that cannot be had; under best effort only when no line can.
    """
    best_effort = command.policy is Policy.BEST_EFFORT
    priced, failed = _priced_lines(house, stay, command, wording, tolerant=best_effort)
    short = _shortages(uow, house, stay, command, priced)
    if short:
        uow.check_view_is_whole(house)
    if short and not best_effort:
        raise not_enough(house, stay, short, command.language, wording)
    held, without = _given_rooms(uow, house, stay, command, priced)
    failed += [
        FailedRoom(
            line=line.wish.line,
            type=line.type.key,
            reason=Reason.NOT_ENOUGH_ROOMS,
            text=wording.missed(line.type.label, Reason.NOT_ENOUGH_ROOMS, command.language),
        )
        for line in without
    ]
    if not held:
        if short:
            raise not_enough(house, stay, short, command.language, wording)
        raise Refusal(failed[0].reason, failed[0].text, rooms=[room.model_dump() for room in failed])
    return Found(tuple(held), tuple(sorted(failed, key=lambda room: room.line)))


def find_again(
    uow: UnitOfWork, house: Property, known: Hold, command: HoldRooms, wording: Says
) -> tuple[HeldRoom, ...]:
    """A room for every line that was held before its rooms were freed, at the price of then: it is what was paid.

    Raises:
        Refusal: when one of them cannot be had; also under best effort, for the money is there for all of them.
        Conflict: when this very batch freed rooms, which are not in view.
    """
    uow.check_view_is_whole(house)
    stay, before = known.stay, RoomsHeld.model_validate_json(known.answer)
    keys = [line.type for line in before.rooms]
    free = {key: len(uow.free_rooms(house, stay, key, command.avoid_rooms)) for key in set(keys)}
    if short := shortages(keys, free):
        raise not_enough(house, stay, short, command.language, wording)
    avoid = set(command.avoid_rooms)
    found = []
    for line in before.rooms:
        room = uow.choose(house, stay, line.type, avoid)
        if room is None:
            raise Refusal(Reason.NOT_ENOUGH_ROOMS, f"no room is left for line {line.line}", room=line.line)
        avoid.add(room)
        found.append(line.model_copy(update={"room": room}))
    return tuple(found)


def never_held(booking_id: UUID, property_id: str, now: datetime) -> Hold:
    """The mark of a release that came before its hold."""
    return Hold(booking_id, property_id, State.RELEASED, Stay(date.min, date.min), (), now)


def _priced_lines(
    house: Property, stay: Stay, command: HoldRooms, wording: Says, *, tolerant: bool
) -> tuple[list[Priced], list[FailedRoom]]:
    priced: list[Priced] = []
    failed: list[FailedRoom] = []
    for wish in command.rooms:
        try:
            priced.append(price_line(house, stay, command.package, wish))
        except Refusal as refusal:
            if not tolerant:
                raise Refusal(
                    refusal.code, f"room {wish.line}: {refusal.text}", **refusal.details, room=wish.line
                ) from None
            text = wording.missed(house.label_of(wish.type), refusal.code, command.language)
            failed.append(FailedRoom(line=wish.line, type=wish.type, reason=refusal.code, text=text))
    return priced, failed


def price_line(house: Property, stay: Stay, package_name: str, wish: RoomWish) -> Priced:
    """The price of one wanted room.

    Raises:
        Refusal: when there is no such type or package, the party does not fit, or a night has no rate.
    """
    room_type = house.room_type(wish.type)
    package = house.package(package_name, stay)
    check_package_serves(package, room_type)
    check_party_fits(room_type, wish, wish.extra_beds)
    price = price_room(house, package, room_type, stay, wish, extra_beds=wish.extra_beds)
    check_extra_beds_cost(wish.extra_beds_cost, price)
    first = cents(with_tax(house, price.charges[0].amount))
    return Priced(wish, room_type, price.amount, cents(price.extra_beds), first)


def _shortages(
    uow: UnitOfWork, house: Property, stay: Stay, command: HoldRooms, priced: Sequence[Priced]
) -> tuple[Shortage, ...]:
    keys = [line.type.key for line in priced]
    free = {key: len(uow.free_rooms(house, stay, key, command.avoid_rooms)) for key in set(keys)}
    return shortages(keys, free)


def _given_rooms(
    uow: UnitOfWork, house: Property, stay: Stay, command: HoldRooms, priced: Sequence[Priced]
) -> tuple[list[HeldRoom], list[Priced]]:
    avoid = set(command.avoid_rooms)
    held: list[HeldRoom] = []
    without: list[Priced] = []
    for line in priced:
        room = uow.choose(house, stay, line.type.key, avoid)
        if room is None:
            without.append(line)
            continue
        avoid.add(room)
        held.append(held_room(line, room))
    return held, without


def held_room(line: Priced, room: str) -> HeldRoom:
    """The room that a line got."""
    wish = line.wish
    return HeldRoom(
        line=wish.line,
        type=line.type.key,
        type_label=line.type.label,
        room=room,
        adults=wish.adults,
        children_0_to_5=wish.children_0_to_5,
        children_6_to_10=wish.children_6_to_10,
        extra_beds=wish.extra_beds,
        extra_beds_cost=line.beds,
        amount=line.amount,
        first_night=line.first_night,
    )


def not_enough(house: Property, stay: Stay, short: Sequence[Shortage], language: Language, wording: Says) -> Refusal:
    """That types fall short, with their figures."""
    details = [shortage.model_dump() for shortage in short]
    return Refusal(Reason.NOT_ENOUGH_ROOMS, wording.shortage(house, stay, short, language), shortages=details)
