"""What a batch of work sees of the inventory: houses, holds, and the rooms that are free for the asked nights."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.catalogue.property import Property
from services.availability.inventory.hold import Hold
from services.availability.inventory.stay import Stay
from shared.contracts.common import Reason
from shared.errors import Conflict, Refusal

MOST_PROBLEMS = 20  # properties that a refusal names
FreeKey = tuple[str, Stay]
RoomNight = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class ExternalJob:
    """A call to an outside system, to be made between two transactions; the same id is the same call."""

    id: UUID
    kind: str
    property_id: str
    body: str
    booking_id: UUID | None = None


@dataclass
class UnitOfWork:
    """The batch's view; what a handler changes here, the repository writes.

    `houses` are those that the batch names, and any that were read before; `other_houses` ids of some that there are.
    `free` maps a property and a stay to the free rooms of each type, as they were when the batch began; `known` gives
    the version of each hold that was there, and `taken_for_new` the bookings that were not looked up: both are the
    repository's own. `own_free` are the rooms that are free for a booking that changes, with those that it has itself;
    `before` holds as they were, and `reshaped` those whose nights have changed.
    """

    houses: Mapping[str, Property]
    default_house: str | None = None
    other_houses: Sequence[str] = ()
    holds: dict[UUID, Hold] = field(default_factory=dict)
    known: dict[UUID, str] = field(default_factory=dict)
    taken_for_new: set[UUID] = field(default_factory=set)
    free: dict[FreeKey, dict[str, list[str]]] = field(default_factory=dict)
    dice: random.Random = field(default_factory=random.SystemRandom)
    changed: set[UUID] = field(default_factory=set)
    taken: set[RoomNight] = field(default_factory=set)
    freed: set[str] = field(default_factory=set)
    swapped: set[UUID] = field(default_factory=set)
    before: dict[UUID, Hold] = field(default_factory=dict)
    own_free: dict[tuple[UUID, Stay], dict[str, list[str]]] = field(default_factory=dict)
    reshaped: set[UUID] = field(default_factory=set)
    held_places: dict[tuple[str, Stay, str], int] = field(default_factory=dict)
    seen_outside: set[FreeKey] = field(default_factory=set)
    external_jobs: list[ExternalJob] = field(default_factory=list)

    def house(self, property_id: str | None) -> Property:
        """A property; none named means the default one.

        Raises:
            Refusal: unknown_property.
        """
        house = self.houses.get(property_id or self.default_house or "")
        if house is None:
            known = ", ".join(sorted({*self.houses, *self.other_houses})[:MOST_PROBLEMS])
            text = f"property {property_id!r} is not known; there are: {known}"
            raise Refusal(Reason.UNKNOWN_PROPERTY, text, field="property_id")
        return house

    def free_rooms(self, house: Property, stay: Stay, type_key: str, avoid: Iterable[str] = ()) -> list[str]:
        """Rooms of a type that are free for every night, also of what this batch took so far."""
        avoided = {room.casefold() for room in avoid}
        return [
            room
            for room in self.free.get((house.id, stay), {}).get(type_key, [])
            if room.casefold() not in avoided and not self._taken_here(house.id, room, stay)
        ]

    def narrow(self, house: Property, stay: Stay, seen: Mapping[str, Sequence[str]]) -> None:
        """Leave as free only what an outside system calls free, too; places are alike, so that their number counts."""
        self.seen_outside.add((house.id, stay))
        ours = self.free.setdefault((house.id, stay), {})
        for key, room_type in house.types.items():
            free = ours.get(key, [])
            theirs = seen.get(key, ())
            if room_type.is_place:
                ours[key] = free[: max(0, len(theirs) - self.held_places.get((house.id, stay, key), 0))]
            else:
                ours[key] = [room for room in free if room in theirs]

    def choose(self, house: Property, stay: Stay, type_key: str, avoid: Iterable[str]) -> str | None:
        """One free room at random, so that wear spreads evenly; None when there is none."""
        rooms = self.free_rooms(house, stay, type_key, avoid)
        return self.dice.choice(rooms) if rooms else None

    def add(self, hold: Hold) -> None:
        """A hold begins: its rooms are free for nobody else in this batch."""
        self.holds[hold.booking_id] = hold
        self.changed.add(hold.booking_id)
        self.taken |= {(hold.property_id, room, night) for room in hold.rooms for night in hold.stay}

    def put(self, hold: Hold) -> None:
        """A hold changed its state."""
        self.holds[hold.booking_id] = hold
        self.changed.add(hold.booking_id)

    def swap(self, hold: Hold) -> None:
        """A hold has other rooms now, which were taken for it before; those that it had are free."""
        self.put(hold)
        self.swapped.add(hold.booking_id)

    def free_for(self, hold: Hold, stay: Stay, type_key: str) -> list[str]:
        """Rooms of a type that are free for every night, or have nobody in them but this very booking."""
        mine = hold.nights
        return [
            room
            for room in self.own_free.get((hold.booking_id, stay), {}).get(type_key, [])
            if not any((hold.property_id, room, night) in self.taken and (room, night) not in mine for night in stay)
        ]

    def reshape(self, hold: Hold) -> None:
        """A hold has other nights: new ones are free for nobody else in this batch, old ones are free after it."""
        gone = self.holds[hold.booking_id].nights - hold.nights
        new = hold.nights - self.holds[hold.booking_id].nights
        self.put(hold)
        self.reshaped.add(hold.booking_id)
        self.taken |= {(hold.property_id, room, night) for room, night in new}
        self.taken -= {(hold.property_id, room, night) for room, night in gone}
        if gone:
            self.freed.add(hold.property_id)

    def release(self, hold: Hold) -> None:
        """A hold ends and its rooms become free."""
        self.put(hold)
        self.freed.add(hold.property_id)

    def check_view_is_whole(self, house: Property) -> None:
        """Before a "no": rooms that this very batch freed are not in view.

        Raises:
            Conflict: so that the work is done again, message by message.
        """
        if house.id in self.freed:
            raise Conflict("rooms were freed in the same batch")

    def expiry(self, house: Property, now: datetime) -> datetime:
        """When a hold that begins now runs out."""
        return now + timedelta(minutes=house.hold_minutes)

    def _taken_here(self, property_id: str, room: str, stay: Stay) -> bool:
        return bool(self.taken) and any((property_id, room, night) in self.taken for night in stay)
