"""The catalogue as people edit it: records with bounded fields, and the rules that a change must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.availability.catalogue.property import Unit
from shared.contracts.common import Currency, Day, Identifier, Name, Reason, RoomNumber, Zone
from shared.errors import Refusal
from shared.messages.incoming import Incoming
from shared.outbound.destinations import Allowed, Forbidden

IN_USE = "in_use"
ALL_PROPERTIES = "needs_all_properties"
MOST_NAMED = 5  # bookings and nights that a refusal names
SEPARATOR = "|"  # between the entries of a list in one cell


def _entry(text: str) -> str:
    if SEPARATOR in text:
        raise PydanticCustomError("entry", "may not have a | in it, which separates entries: write something else")
    return text


def _in_order(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days)))


Entry = Annotated[Name, AfterValidator(_entry)]
Key = Annotated[Identifier, AfterValidator(_entry)]
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4, description="Money, with at most four places.")]
TaxRate = Annotated[Decimal, Field(ge=0, lt=1, max_digits=6, decimal_places=4, description="0.13 is 13 %.")]
Guests = Annotated[int, Field(ge=0, le=100)]
Weekday = Annotated[int, Field(ge=1, le=7, description="ISO: 1 is Monday.")]
Weekdays = Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7), AfterValidator(_in_order)]


class About(StrEnum):
    """What a word of an external system is about."""

    TYPE = "type"
    PACKAGE = "package"
    METHOD = "method"


class Record(Incoming):
    """A record of a property's catalogue; `keys` are the fields that identify it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]

    property_id: Identifier

    @property
    def key(self) -> tuple[object, ...]:
        """The values that identify it."""
        return tuple(getattr(self, name) for name in self.keys)

    @property
    def title(self) -> str:
        """Its key as text for people."""
        return " ".join(str(value) for value in self.key[1:] or self.key if value is not None)


class PropertyRecord(Record):
    """A property: its time zone, currency and tax, and how long a hold lasts in minutes."""

    kind = "property"
    keys = ("property_id",)

    name: Name
    timezone: Zone
    currency: Currency
    tax_rate: TaxRate
    prices_include_tax: bool
    hold_minutes: int = Field(ge=1, le=10_080)
    is_default: bool = False


class TypeRecord(Record):
    """A room type and how many guests it admits; `position` orders lists. `is_place`: a day pass, not a room."""

    kind = "type"
    keys = ("property_id", "type")

    type: Key
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    position: int = Field(default=0, ge=0, le=1000)
    adults: int = Field(ge=1, le=100)
    guests: int = Field(ge=1, le=100)
    extra_beds: Guests = 0
    is_place: bool = False

    @model_validator(mode="after")
    def _check_guests(self) -> TypeRecord:
        if self.guests < self.adults:
            raise PydanticCustomError("guests", "guests must be at least as many as adults: they include them")
        return self


class RoomRecord(Record):
    """A room, and the first and last day on which it is out of order; without a last day it stays so."""

    kind = "room"
    keys = ("property_id", "room")

    room: RoomNumber
    type: Key
    out_of_order_from: Day | None = None
    out_of_order_until: Day | None = None

    @model_validator(mode="after")
    def _check_days(self) -> RoomRecord:
        first, last = self.out_of_order_from, self.out_of_order_until
        if last and (first is None or last < first):
            raise PydanticCustomError("days", "out_of_order_until needs an out_of_order_from that is not after it")
        return self


class _Season(Record):
    first_night: Day | None = None
    last_night: Day | None = None

    @model_validator(mode="after")
    def _check_season(self) -> _Season:
        if self.first_night and self.last_night and self.last_night < self.first_night:
            raise PydanticCustomError("days", "last_night must not be before first_night")
        return self


class PackageRecord(_Season):
    """A package. Without types it is for every type that is not a place, without nights it is always sold."""

    kind = "package"
    keys = ("property_id", "package")

    package: Key
    name: Name
    inclusions: tuple[Entry, ...] = Field(default=(), max_length=100)
    types: tuple[Key, ...] | None = Field(default=None, min_length=1, max_length=100)
    cancellation_policy: Identifier | None = None


class RateRecord(_Season):
    """What a night costs for each adult, child of 6 to 10 and extra bed. A condition that is left out means any.

    `season` names its nights for people. Of two rates for a night the one of higher `rank` counts, of equal ones the
    more specific one.
    """

    kind = "rate"
    keys = ("property_id", "package", "type", "first_night", "last_night", "weekdays")

    package: Key
    type: Key | None = None
    weekdays: Weekdays | None = None
    season: Name | None = None
    rank: int = Field(default=0, ge=0, le=1000)
    adult: Price
    child: Price
    extra_bed: Price


class SupplementRecord(Record):
    """What a package adds to the price for each room and stay, room and night, or guest and night."""

    kind = "supplement"
    keys = ("property_id", "package", "name")

    package: Key
    name: Name
    amount: Price
    unit: Unit


class FeeRecord(Record):
    """What a property charges on top of every package."""

    kind = "fee"
    keys = ("property_id", "name")

    name: Name
    amount: Price
    unit: Unit


class OutsideRecord(Record):
    """The external system that keeps a property's rooms; without one Posada keeps them. Times are seconds."""

    kind = "outside"
    keys = ("property_id",)

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s|]+$", max_length=500)]
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]*$", max_length=20)] = ""
    cancels: bool = False
    seconds: Annotated[Decimal, Field(gt=0, le=300, decimal_places=2)] = Decimal(30)
    attempts: int = Field(default=3, ge=1, le=20)
    pause_seconds: Annotated[Decimal, Field(ge=0, le=300, decimal_places=2)] = Decimal(2)


class OutsideWordRecord(Record):
    """What an external system calls a type, a package (ours by key) or a payment method, such as "Depósito BAC"."""

    kind = "outside_word"
    keys = ("property_id", "about", "ours")

    about: About
    ours: Key
    theirs: Name


# In the order in which they refer to each other.
RECORDS: tuple[type[Record], ...] = (
    PropertyRecord,
    TypeRecord,
    RoomRecord,
    PackageRecord,
    RateRecord,
    SupplementRecord,
    FeeRecord,
    OutsideRecord,
    OutsideWordRecord,
)
BY_KIND: Mapping[str, type[Record]] = {record.kind: record for record in RECORDS}
BookedNight: TypeAlias = tuple[str, date, str]  # room, night, booking id


def broken_nights(old: Record, new: Record | None, booked: Sequence[BookedNight]) -> list[BookedNight]:
    """Those of the booked nights that a change of a record, or its removal (None), would break."""
    match old, new:
        case RoomRecord(), RoomRecord():
            return list(booked) if new.type != old.type else [night for night in booked if _out_of_order(new, night[1])]
        case TypeRecord(), TypeRecord():
            return list(booked) if new.is_place != old.is_place else []
        case PropertyRecord(), PropertyRecord():
            return list(booked) if new.currency != old.currency else []
        case ((RoomRecord() | TypeRecord() | PropertyRecord()), None):
            return list(booked)
    return []


def check_keeps_bookings(old: Record, new: Record | None, booked: Sequence[BookedNight]) -> None:
    """Refuse a change that would break a booking; `booked` are the booked nights from today on.

    Raises:
        Refusal: in_use, naming some of the bookings.
    """
    broken = broken_nights(old, new, booked)
    if broken:
        some = ", ".join(f"room {room} on {night} (booking {booking})" for room, night, booking in broken[:MOST_NAMED])
        more = f" and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
        change = "changed like this" if new else "removed"
        text = f"{old.kind} {old.title} cannot be {change}: {some}{more}; move or cancel these first"
        raise Refusal(IN_USE, text, bookings=sorted({booking for _, _, booking in broken})[:100])


def check_keeps_default(old: Record | None, new: Record | None) -> None:
    """Refuse a change of the default property by a caller for some properties: it concerns all of them.

    Raises:
        Refusal: when another property, or none, would be the default.
    """
    was, would_be = (isinstance(record, PropertyRecord) and record.is_default for record in (old, new))
    if was != would_be:
        remedy = f"leave is_default {str(was).lower()}" if new else "leave this one there"
        text = f"which property is the default is for an admin of all properties: {remedy}, or ask one"
        raise Refusal(ALL_PROPERTIES, text, field="is_default")


def _out_of_order(room: RoomRecord, night: date) -> bool:
    first, last = room.out_of_order_from, room.out_of_order_until
    return first is not None and first <= night and (last is None or night <= last)


def check_address(record: OutsideRecord, allowed: Allowed) -> None:
    """Refuse an external system's address that is neither public nor allowed by the operator.

    The addresses that a host name resolves to are checked at each call.

    Raises:
        Refusal: invalid_request.
    """
    try:
        allowed.check_url(record.base_url)
    except Forbidden as forbidden:
        raise Refusal(Reason.INVALID_REQUEST, f"base_url: {forbidden}", field="base_url") from None
