"""A property as data: room types, packages, rates and supplements, and the rules for names and numbers of guests."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from services.availability.catalogue.rate_order import Rate
from services.availability.stay import Stay
from shared.contracts.common import Occupants, Reason
from shared.errors import Refusal


class Unit(StrEnum):
    """What a supplement is charged for."""

    ROOM_STAY = "room_stay"
    ROOM_NIGHT = "room_night"
    GUEST_NIGHT = "guest_night"


@dataclass(frozen=True, slots=True)
class RoomType:
    """A room type, or a type of day pass where `is_place`: its label and how many adults and guests it admits.

    Each extra bed, of at most `extra_beds`, admits one guest more.
    """

    key: str
    label: str
    adults: int
    guests: int
    extra_beds: int = 0
    is_place: bool = False


@dataclass(frozen=True, slots=True)
class Supplement:
    """What a package adds to the price for each room and stay, room and night, or guest and night."""

    package: str
    name: str
    amount: Decimal
    unit: Unit


@dataclass(frozen=True, slots=True)
class Fee:
    """What a property charges on top of every package: for each room and stay, room and night, or guest and night."""

    name: str
    amount: Decimal
    unit: Unit


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its name, the types that it is for (None: all that are not places), and when it is sold.

    `cancellation_policy` is the name of its policy; None: the property's.
    """

    key: str
    name: str
    types: frozenset[str] | None = None
    first: date | None = None
    last: date | None = None
    inclusions: tuple[str, ...] = ()
    cancellation_policy: str | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """The external system that keeps a property's rooms: its URL, the prefix of its codes, whether it can cancel.

    At most `attempts` rooms are tried for each line, `pause_seconds` apart; a call takes `seconds` at most.
    """

    base_url: str
    prefix: str
    cancels: bool
    seconds: float
    attempts: int
    pause_seconds: float


@dataclass(frozen=True)
class Property:
    """A property with all that counts, prices and holds need."""

    id: str
    name: str
    timezone: str
    currency: str
    tax_rate: Decimal
    prices_include_tax: bool
    hold_minutes: int
    types: Mapping[str, RoomType]
    packages: Mapping[str, Package]
    rates: tuple[Rate, ...]
    supplements: tuple[Supplement, ...]
    fees: tuple[Fee, ...] = ()
    outside: Outside | None = None

    def today(self, now: datetime) -> date:
        """The date at the property."""
        return now.astimezone(ZoneInfo(self.timezone)).date()

    @cached_property
    def _types_by_name(self) -> dict[str, RoomType]:
        names = {plain(room_type.label): room_type for room_type in self.types.values()}
        return names | {plain(key): room_type for key, room_type in self.types.items()}

    @cached_property
    def _packages_by_name(self) -> dict[str, Package]:
        names = {plain(package.name): package for package in self.packages.values()}
        return names | {plain(key): package for key, package in self.packages.items()}

    def room_type(self, name: str) -> RoomType:
        """The type with this label or key; case and accents are ignored.

        Raises:
            Refusal: invalid_request, naming the existing types.
        """
        found = self._types_by_name.get(plain(name))
        if found is None:
            known = ", ".join(room_type.label for room_type in self.types.values())
            raise Refusal(Reason.INVALID_REQUEST, f"room type {name!r} is not known; there are: {known}", field="type")
        return found

    def label_of(self, name: str) -> str:
        """The label of the type with this name; the name itself when there is none."""
        found = self._types_by_name.get(plain(name))
        return found.label if found else name

    def keys_of(self, names: Iterable[str]) -> set[str]:
        """The keys of the types with these names; unknown names are left out."""
        return {found.key for name in names if (found := self._types_by_name.get(plain(name)))}

    def package(self, name: str, stay: Stay) -> Package:
        """The package with this name or key, if it is sold for every night of the stay.

        Raises:
            Refusal: invalid_request when there is none, price_unavailable when it is not sold on these nights.
        """
        found = self._packages_by_name.get(plain(name))
        if found is None:
            known = ", ".join(package.name for package in self.packages.values())
            text = f"package {name!r} is not known; there are: {known}"
            raise Refusal(Reason.INVALID_REQUEST, text, field="package")
        if (found.first and stay.check_in < found.first) or (found.last and max(stay) > found.last):
            text = f"package {found.name} is not sold for {stay.check_in} to {stay.check_out}"
            raise Refusal(Reason.PRICE_UNAVAILABLE, text, package=found.key)
        return found


def check_package_serves(package: Package, room_type: RoomType) -> None:
    """Refuse a package for a type that it does not name; one that names none is for rooms, not for places.

    Raises:
        Refusal: invalid_request.
    """
    allowed = not room_type.is_place if package.types is None else room_type.key in package.types
    if not allowed:
        text = f"package {package.name} cannot be booked with type {room_type.label}"
        raise Refusal(Reason.INVALID_REQUEST, text, field="package")


def check_party_fits(room_type: RoomType, party: Occupants, extra_beds: int) -> None:
    """Refuse more guests than the room type admits, or guests of a room without an adult.

    Raises:
        Refusal: party_does_not_fit, with the numbers that the type admits.
    """
    guests = party.adults + party.children_0_to_5 + party.children_6_to_10
    facts = {"type": room_type.key, "adults": room_type.adults, "guests": room_type.guests}
    if party.adults < 1 and not (room_type.is_place and guests):
        raise Refusal(Reason.PARTY_DOES_NOT_FIT, f"{room_type.label}: at least one adult is needed", **facts)
    if extra_beds > room_type.extra_beds:
        text = f"{room_type.label}: at most {room_type.extra_beds} extra beds fit, {extra_beds} are wanted"
        raise Refusal(Reason.PARTY_DOES_NOT_FIT, text, **facts, extra_beds=room_type.extra_beds)
    if party.adults > room_type.adults + extra_beds or guests > room_type.guests + extra_beds:
        text = (
            f"{room_type.label} admits {room_type.adults} adults and {room_type.guests} guests in all"
            f" (one more for each extra bed); {party.adults} adults and {guests} guests do not fit"
        )
        raise Refusal(Reason.PARTY_DOES_NOT_FIT, text, **facts)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A name in lower case, without accents and without blanks at its ends."""
    split = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
