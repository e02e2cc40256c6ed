"""Bookings as threads know them, and which booking fits a moment best."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

BEFORE_START = timedelta(days=30)
AFTER_END = timedelta(days=7)


class Apartment(NamedTuple):
    """A room of a property, let as a unit."""

    property_id: str
    room: str


class Version(NamedTuple):
    """A booking's dates and rooms since a moment; revision 0 is its confirmation. Versions sort in their order."""

    since: datetime
    revision: int
    check_in: date
    check_out: date
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Booking:
    """What threads need to know of a booking. `contact` identifies its tenant; rooms are in the request's order.

    `versions` are all known versions in their order; the last is the current one. Without versions, when only the end
    of the booking is known, it is ignored. `off_at` is when it was cancelled or its guests did not arrive.
    """

    id: UUID
    contact: str
    guest_name: str
    property_id: str
    property_name: str
    timezone: str
    versions: tuple[Version, ...]
    off_at: datetime | None = None

    def merged(self, other: Booking) -> Booking:
        """Merged with what another event says of it, in whatever order they arrive; an end is final."""
        versions = tuple(sorted({*self.versions, *other.versions}))
        facts = other if other.versions and other.versions[-1] == versions[-1] else self
        ends = [moment for moment in (self.off_at, other.off_at) if moment]
        return replace(facts, contact=other.contact, versions=versions, off_at=min(ends, default=None))

    @property
    def began_at(self) -> datetime:
        """The time of its first known version."""
        return self.versions[0].since

    @property
    def is_confirmed(self) -> bool:
        """Whether its confirmation is known."""
        return bool(self.versions) and self.versions[0].revision == 0

    @property
    def moments(self) -> tuple[datetime, ...]:
        """The times at which it was confirmed, changed or ended."""
        return (*(version.since for version in self.versions), *([self.off_at] if self.off_at else []))

    def at(self, moment: datetime) -> Booking | None:
        """The booking as it was at a moment; None before its first known version."""
        versions = tuple(version for version in self.versions if version.since <= moment)
        if not versions:
            return None
        return replace(self, versions=versions, off_at=self.off_at if self.off_at and self.off_at <= moment else None)

    @property
    def rooms(self) -> tuple[str, ...]:
        """Its rooms now."""
        return self.versions[-1].rooms

    @property
    def check_in(self) -> date:
        """The day of arrival."""
        return self.versions[-1].check_in

    @property
    def check_out(self) -> date:
        """The day of departure."""
        return self.versions[-1].check_out

    def ever_had(self, apartment: Apartment) -> bool:
        """Whether an apartment was among its rooms in any version."""
        same_property = apartment.property_id == self.property_id
        return same_property and any(apartment.room in version.rooms for version in self.versions)

    @property
    def apartments(self) -> tuple[Apartment, ...]:
        """Its rooms now, each with the property."""
        return tuple(Apartment(self.property_id, room) for room in self.rooms)

    def day_of(self, moment: datetime) -> date:
        """The property's local date at a moment."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def contains(self, day: date) -> bool:
        """Whether a day is in the stay, the days of arrival and departure included."""
        return self.check_in <= day <= self.check_out

    def may_concern(self, day: date) -> bool:
        """Whether a day is in the linking window: BEFORE_START before arrival to AFTER_END after departure."""
        return self.check_in - BEFORE_START <= day <= self.check_out + AFTER_END

    def distance(self, day: date) -> timedelta:
        """The distance of a day outside the stay from it."""
        return max(self.check_in - day, day - self.check_out)


def best_booking(bookings: Collection[Booking], moment: datetime) -> Booking | None:
    """The booking that a message of a moment is about; of equally good ones the one created last.

    `bookings` are given as they were at that moment; each is compared in its property's local date. A booking that has
    ended counts only when there is no other.
    """
    bookings = [booking for booking in bookings if booking.off_at is None] or bookings
    if current := [booking for booking in bookings if booking.contains(booking.day_of(moment))]:
        return latest(current)
    if near := [booking for booking in bookings if booking.may_concern(booking.day_of(moment))]:
        nearest = min(booking.distance(booking.day_of(moment)) for booking in near)
        return latest([booking for booking in near if booking.distance(booking.day_of(moment)) == nearest])
    return latest(bookings)


def latest(bookings: Collection[Booking]) -> Booking | None:
    """The booking created last; ids break ties, so that the result does not depend on the order."""
    return max(bookings, key=lambda booking: (booking.began_at, booking.id), default=None)
