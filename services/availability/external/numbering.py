"""Which type a number of an outside system is of, read from the property's own catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.availability.catalogue import RoomRecord, TypeRecord


@dataclass(frozen=True, slots=True)
class Numbering:
    """`types` says of which type each known number is.

    A number that ends in the system's suffix and is not known is of type `suffixed`, a day-pass place of type `place`;
    None: there is no such type, and the number is left out.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    suffixed: str | None = None
    place: str | None = None


def numbering_of(rooms: Iterable[RoomRecord], types: Iterable[TypeRecord], suffix: str) -> Numbering:
    """What a catalogue says: a suffix or a place that could be of several types is of none, for nothing is guessed."""
    by_number = {room.room: room.type for room in rooms}
    places = {one.type for one in types if one.is_place}
    suffixed = {key for number, key in by_number.items() if number.endswith(suffix) and key not in places}
    return Numbering(by_number, _only(suffixed), _only(places))


def _only(keys: set[str]) -> str | None:
    return next(iter(keys)) if len(keys) == 1 else None
