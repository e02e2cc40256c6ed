"""Allocates rooms to a request: prices every line and assigns a free room to each, or to as many as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from services.availability.catalogue import Property, RoomType, check_package_serves, check_party_fits
from services.availability.hold import Hold, State
from services.availability.inventory.counting import shortages
from services.availability.pricing import cents, check_extra_beds_cost, price_room, with_tax
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import FailedRoom, HeldRoom, HoldRooms, RoomsHeld, RoomWish, Shortage
from shared.contracts.common import Language, Policy, Reason
from shared.errors import Refusal


class ShortageTexts(Protocol):
    """The guest-facing texts about missing rooms."""

    def shortage(self, property_: Property, stay: Stay, short: Sequence[Shortage], language: Language) -> str:
        """A text with a line for each type of which too few rooms are free."""
        ...

    def missed(self, label: str, reason: str, language: Language) -> str:
        """Why a room of a best-effort request is not available, after its type's label."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """The rooms found for a request, and the lines without a room."""

    held: tuple[HeldRoom, ...]
    failed: tuple[FailedRoom, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the rooms' prices."""
        return sum((room.amount for room in self.held), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class PricedRoom:
    """A requested room with its price; `beds` is the part of the price that extra beds cost."""

    wish: RoomWish
    type: RoomType
    amount: Decimal
    beds: Decimal
    first_night: Decimal


def find_rooms(uow: UnitOfWork, property_: Property, stay: Stay, command: HoldRooms, texts: ShortageTexts) -> Found:
    """Assign a different free room to every line, chosen at random, none of them in `avoid_rooms`.

    Raises:
        Refusal: under all or nothing when a line gets no room; under best effort when none does.
        Conflict: when rooms fall short and this batch freed some, which are not in `free`.
    """
    best_effort = command.policy is Policy.BEST_EFFORT
    priced, failed = _priced_lines(property_, stay, command, texts, tolerant=best_effort)
    keys = Counter(line.type.key for line in priced)
    free = _free(uow, property_, stay, keys, command.avoid_rooms)
    short = _shortages(keys, free)
    if short:
        uow.require_complete_view(property_)
    if short and not best_effort:
        raise not_enough(property_, stay, short, command.language, texts)
    held, unassigned = _assign_rooms(uow, priced, keys, free)
    failed += [
        FailedRoom(
            line=line.wish.line,
            type=line.type.key,
            reason=Reason.NOT_ENOUGH_ROOMS,
            text=texts.missed(line.type.label, Reason.NOT_ENOUGH_ROOMS, command.language),
        )
        for line in unassigned
    ]
    if not held:
        if short:
            raise not_enough(property_, stay, short, command.language, texts)
        raise Refusal(failed[0].reason, failed[0].text, rooms=[room.model_dump() for room in failed])
    return Found(tuple(held), tuple(sorted(failed, key=lambda room: room.line)))


def reallocate(
    uow: UnitOfWork, property_: Property, known: Hold, command: HoldRooms, texts: ShortageTexts
) -> tuple[HeldRoom, ...]:
    """Assign a room to every line of a hold whose rooms were freed, at the former price, which the guest has paid.

    Raises:
        Refusal: when one line gets no room, also under best effort: all of them are paid.
        Conflict: when this batch freed rooms, which are not in `free`.
    """
    uow.require_complete_view(property_)
    stay, before = known.stay, RoomsHeld.model_validate_json(known.answer)
    keys = Counter(line.type for line in before.rooms)
    free = _free(uow, property_, stay, keys, command.avoid_rooms)
    if short := _shortages(keys, free):
        raise not_enough(property_, stay, short, command.language, texts)
    chosen = {key: uow.choose(free[key], number) for key, number in keys.items()}
    return tuple(line.model_copy(update={"room": chosen[line.type].pop()}) for line in before.rooms)


def tombstone(booking_id: UUID, property_id: str, now: datetime) -> Hold:
    """A released hold, kept when a release arrives before its hold: that hold is then refused."""
    return Hold(booking_id, property_id, State.RELEASED, Stay(date.min, date.min), (), now)


def _priced_lines(
    property_: Property, stay: Stay, command: HoldRooms, texts: ShortageTexts, *, tolerant: bool
) -> tuple[list[PricedRoom], list[FailedRoom]]:
    priced: list[PricedRoom] = []
    failed: list[FailedRoom] = []
    for wish in command.rooms:
        try:
            priced.append(price_line(property_, stay, command.package, wish))
        except Refusal as refusal:
            if not tolerant:
                raise Refusal(
                    refusal.code, f"room {wish.line}: {refusal.text}", **refusal.details, room=wish.line
                ) from None
            text = texts.missed(property_.label_of(wish.type), refusal.code, command.language)
            failed.append(FailedRoom(line=wish.line, type=wish.type, reason=refusal.code, text=text))
    return priced, failed


def price_line(property_: Property, stay: Stay, package_name: str, wish: RoomWish) -> PricedRoom:
    """The price of one requested room.

    Raises:
        Refusal: when there is no such type or package, the guests do not fit, or a night has no rate.
    """
    room_type = property_.room_type(wish.type)
    package = property_.package(package_name, stay)
    check_package_serves(package, room_type)
    check_party_fits(room_type, wish, wish.extra_beds)
    price = price_room(property_, package, room_type, stay, wish, extra_beds=wish.extra_beds)
    check_extra_beds_cost(wish.extra_beds_cost, price)
    first = cents(with_tax(property_, price.charges[0].amount))
    return PricedRoom(wish, room_type, price.amount, cents(price.extra_beds), first)


def _free(
    uow: UnitOfWork, property_: Property, stay: Stay, keys: Iterable[str], avoid: Collection[str]
) -> dict[str, list[str]]:
    """The free rooms of some types, each looked for once."""
    return {key: uow.free_rooms(property_, stay, key, avoid) for key in keys}


def _shortages(keys: Counter[str], free: Mapping[str, Sequence[str]]) -> tuple[Shortage, ...]:
    return shortages(keys, {key: len(rooms) for key, rooms in free.items()})


def _assign_rooms(
    uow: UnitOfWork, priced: Sequence[PricedRoom], keys: Counter[str], free: Mapping[str, Sequence[str]]
) -> tuple[list[HeldRoom], list[PricedRoom]]:
    chosen = {key: uow.choose(free[key], number) for key, number in keys.items()}
    held: list[HeldRoom] = []
    unassigned: list[PricedRoom] = []
    for line in priced:
        if rooms := chosen[line.type.key]:
            held.append(held_room(line, rooms.pop()))
        else:
            unassigned.append(line)
    return held, unassigned


def held_room(line: PricedRoom, room: str) -> HeldRoom:
    """The room that a line was assigned, as the reply has it."""
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


def not_enough(
    property_: Property, stay: Stay, short: Sequence[Shortage], language: Language, texts: ShortageTexts
) -> Refusal:
    """The refusal when too few rooms of some types are free, with the counts."""
    details = [shortage.model_dump() for shortage in short]
    return Refusal(Reason.NOT_ENOUGH_ROOMS, texts.shortage(property_, stay, short, language), shortages=details)
