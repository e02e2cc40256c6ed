"""Which booking fits a day best."""

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
    """A booking's dates and rooms from a moment on; `revision` is 0 as it was confirmed. They sort as they followed."""

    since: datetime
    revision: int
    check_in: date
    check_out: date
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Booking:
    """What a thread needs to know of a booking. `contact` stands for its tenant; rooms are in the request's order.

    `versions` are all that were told of, in their order, and the last one is what the booking is. There is none where
    only its end was heard of; then it counts for nothing. From `off_at` on nobody is expected any longer.
    """

    id: UUID
    contact: str
    guest_name: str
    property_id: str
    property_name: str
    timezone: str
    versions: tuple[Version, ...]
    off_at: datetime | None = None

    def merged(self, told: Booking) -> Booking:
        """With what another event told of it, whichever came first: an end is for ever."""
        versions = tuple(sorted({*self.versions, *told.versions}))
        facts = told if told.versions and told.versions[-1] == versions[-1] else self
        ends = [moment for moment in (self.off_at, told.off_at) if moment]
        return replace(facts, contact=told.contact, versions=versions, off_at=min(ends, default=None))

    @property
    def began_at(self) -> datetime:
        """When it was first told of: its confirmation, unless only changes were heard of so far."""
        return self.versions[0].since

    @property
    def is_confirmed(self) -> bool:
        """Whether its confirmation was heard of."""
        return bool(self.versions) and self.versions[0].revision == 0

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When something happened to it."""
        return (*(version.since for version in self.versions), *([self.off_at] if self.off_at else []))

    def at(self, moment: datetime) -> Booking | None:
        """As it was at a moment; None before it was told of."""
        versions = tuple(version for version in self.versions if version.since <= moment)
        if not versions:
            return None
        return replace(self, versions=versions, off_at=self.off_at if self.off_at and self.off_at <= moment else None)

    @property
    def rooms(self) -> tuple[str, ...]:
        """Its rooms."""
        return self.versions[-1].rooms

    @property
    def check_in(self) -> date:
        """The first day."""
        return self.versions[-1].check_in

    @property
    def check_out(self) -> date:
        """The day of departure."""
        return self.versions[-1].check_out

    def ever_had(self, apartment: Apartment) -> bool:
        """Whether an apartment was among its rooms in any version."""
        return apartment.property_id == self.property_id and any(apartment.room in one.rooms for one in self.versions)

    @property
    def apartments(self) -> tuple[Apartment, ...]:
        """Each of its rooms."""
        return tuple(Apartment(self.property_id, room) for room in self.rooms)

    def day_of(self, moment: datetime) -> date:
        """The property's calendar day of a moment."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def contains(self, day: date) -> bool:
        """Whether the tenant is there on a day, the days of arrival and departure included."""
        return self.check_in <= day <= self.check_out

    def may_concern(self, day: date) -> bool:
        """Whether a day is in the linking window, its ends included."""
        return self.check_in - BEFORE_START <= day <= self.check_out + AFTER_END

    def distance(self, day: date) -> timedelta:
        """How far a day outside the stay is from it."""
        return max(self.check_in - day, day - self.check_out)


def best_booking(bookings: Collection[Booking], moment: datetime) -> Booking | None:
    """The booking that a message of a moment is about; of several that fit equally, the one created last.

    They are given as they were at that moment. Each reads it in its own property's days. One that is off counts only
    where there is no other.
    """
    bookings = [booking for booking in bookings if booking.off_at is None] or bookings
    if current := [booking for booking in bookings if booking.contains(booking.day_of(moment))]:
        return latest(current)
    if near := [booking for booking in bookings if booking.may_concern(booking.day_of(moment))]:
        nearest = min(booking.distance(booking.day_of(moment)) for booking in near)
        return latest([booking for booking in near if booking.distance(booking.day_of(moment)) == nearest])
    return latest(bookings)


def latest(bookings: Collection[Booking]) -> Booking | None:
    """The booking created last; ids break a tie, so that the answer is the same everywhere."""
    return max(bookings, key=lambda booking: (booking.began_at, booking.id), default=None)
