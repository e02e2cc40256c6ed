"""What one batch reads and changes: properties, holds, and the free rooms of the stays that it names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.catalogue.property import Property
from services.availability.hold import Hold
from services.availability.stay import Stay
from shared.contracts.common import Reason
from shared.errors import Conflict, Refusal

MOST_PROBLEMS = 20  # properties that a refusal names
FreeKey = tuple[str, Stay]
PropertyNight = tuple[str, date]
_DICE = random.Random()  # noqa: S311 — which room a guest gets is no secret


@dataclass(frozen=True, slots=True)
class ExternalJob:
    """A call to an external system, made between two transactions. Jobs with the same id are the same job."""

    id: UUID
    kind: str
    property_id: str
    body: str
    booking_id: UUID | None = None


@dataclass
class UnitOfWork:
    """What a batch reads and changes; the repository writes what a handler changes here.

    `properties` are the known ones by id, at least those that the batch names; `other_ids` are ids for refusals.
    `free` are the free rooms of each type by property and stay, as they were when the batch began. `own_free` is the
    same for a booking that changes its dates: its own rooms count as free. `taken` are the rooms that this batch has
    taken, by property and night. `loaded` are the holds as they were read,
    `nights_changed` those whose nights have changed, `rooms_replaced` those whose rooms have changed.
    `versions` (of each hold that was read) and `assumed_new` (bookings that were not looked up) are for the repository.
    """

    properties: Mapping[str, Property]
    default_property: str | None = None
    other_ids: Sequence[str] = ()
    holds: dict[UUID, Hold] = field(default_factory=dict)
    versions: dict[UUID, str] = field(default_factory=dict)
    assumed_new: set[UUID] = field(default_factory=set)
    free: dict[FreeKey, dict[str, list[str]]] = field(default_factory=dict)
    rng: random.Random = field(default_factory=lambda: _DICE)
    changed: set[UUID] = field(default_factory=set)
    taken: dict[PropertyNight, set[str]] = field(default_factory=dict)
    freed: set[str] = field(default_factory=set)
    rooms_replaced: set[UUID] = field(default_factory=set)
    loaded: dict[UUID, Hold] = field(default_factory=dict)
    own_free: dict[tuple[UUID, Stay], dict[str, list[str]]] = field(default_factory=dict)
    nights_changed: set[UUID] = field(default_factory=set)
    held_places: dict[tuple[str, Stay, str], int] = field(default_factory=dict)
    seen_outside: set[FreeKey] = field(default_factory=set)
    external_jobs: list[ExternalJob] = field(default_factory=list)
    _puts: int = 0

    @property
    def changes_made(self) -> int:
        """How often handlers have changed it."""
        return self._puts + len(self.external_jobs)

    def property_of(self, property_id: str | None) -> Property:
        """A property by its id; the default property for None.

        Raises:
            Refusal: unknown_property.
        """
        property_ = self.properties.get(property_id or self.default_property or "")
        if property_ is None:
            known = ", ".join(sorted({*self.properties, *self.other_ids})[:MOST_PROBLEMS])
            text = f"property {property_id!r} is not known; there are: {known}"
            raise Refusal(Reason.UNKNOWN_PROPERTY, text, field="property_id")
        return property_

    def free_rooms(self, property_: Property, stay: Stay, type_key: str, avoid: Iterable[str] = ()) -> list[str]:
        """Rooms of a type that are free for every night and that this batch has not taken."""
        taken = {room for night in stay for room in self.taken.get((property_.id, night), ())}
        free = self.free.get((property_.id, stay), {}).get(type_key, [])
        if avoided := {room.casefold() for room in avoid}:
            return [room for room in free if room not in taken and room.casefold() not in avoided]
        return [room for room in free if room not in taken]

    def narrow(self, property_: Property, stay: Stay, seen: Mapping[str, Sequence[str]]) -> None:
        """Keep as free only what the external system reports as free too.

        Places have no identity there: as many stay free as it reports, less those that our holds keep.
        """
        self.seen_outside.add((property_.id, stay))
        ours = self.free.setdefault((property_.id, stay), {})
        for key, room_type in property_.types.items():
            free = ours.get(key, [])
            theirs = seen.get(key, ())
            if room_type.is_place:
                ours[key] = free[: max(0, len(theirs) - self.held_places.get((property_.id, stay, key), 0))]
            else:
                ours[key] = [room for room in free if room in theirs]

    def choose(self, rooms: Sequence[str], number: int) -> list[str]:
        """So many of these rooms at random, so that rooms wear evenly; fewer where there are not as many."""
        return self.rng.sample(rooms, min(number, len(rooms)))

    def add(self, hold: Hold) -> None:
        """Add a hold and take its nights, so that no other hold of this batch gets them."""
        self.put(hold)
        self._take(hold.property_id, ((room, night) for room in hold.rooms for night in hold.stay))

    def put(self, hold: Hold) -> None:
        """Store a hold whose state has changed."""
        self.holds[hold.booking_id] = hold
        self.changed.add(hold.booking_id)
        self._puts += 1

    def replace_rooms(self, hold: Hold) -> None:
        """Store a hold with other rooms, whose nights are already taken for it; its former rooms become free."""
        self.put(hold)
        self.rooms_replaced.add(hold.booking_id)

    def free_for(self, hold: Hold, stay: Stay, type_key: str) -> list[str]:
        """Rooms of a type that are free for every night, or occupied by this booking alone."""
        mine = hold.nights
        return [
            room
            for room in self.own_free.get((hold.booking_id, stay), {}).get(type_key, [])
            if not any(self.is_taken(hold.property_id, room, night) and (room, night) not in mine for night in stay)
        ]

    def change_nights(self, hold: Hold) -> None:
        """Store a hold with other nights: new ones are taken at once, old ones are free after this batch."""
        gone = self.holds[hold.booking_id].nights - hold.nights
        new = hold.nights - self.holds[hold.booking_id].nights
        self.put(hold)
        self.nights_changed.add(hold.booking_id)
        self._take(hold.property_id, new)
        for room, night in gone:
            self.taken.get((hold.property_id, night), set()).discard(room)
        if gone:
            self.freed.add(hold.property_id)

    def release(self, hold: Hold) -> None:
        """Store a hold that has ended; its rooms become free after this batch."""
        self.put(hold)
        self.freed.add(hold.property_id)

    def require_complete_view(self, property_: Property) -> None:
        """Check, before a refusal, that this batch has freed no room here: freed rooms are not in `free`.

        Raises:
            Conflict: so that the messages are handled again, one by one.
        """
        if property_.id in self.freed:
            raise Conflict("rooms were freed in the same batch")

    def expiry(self, property_: Property, now: datetime) -> datetime:
        """When a hold that begins now expires."""
        return now + timedelta(minutes=property_.hold_minutes)

    def is_taken(self, property_id: str, room: str, night: date) -> bool:
        """Whether this batch has taken a room for a night."""
        return room in self.taken.get((property_id, night), ())

    def _take(self, property_id: str, nights: Iterable[tuple[str, date]]) -> None:
        for room, night in nights:
            self.taken.setdefault((property_id, night), set()).add(room)
