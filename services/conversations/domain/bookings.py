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


@dataclass(frozen=True, slots=True)
class Booking:
    """What a thread needs to know of a booking. `contact` stands for its tenant; rooms are in the request's order.

    `as_of` is the time of the newest event that told its dates, `off` says that nobody is expected any longer.
    """

    id: UUID
    contact: str
    guest_name: str
    property_id: str
    property_name: str
    timezone: str
    rooms: tuple[str, ...]
    check_in: date
    check_out: date
    confirmed_at: datetime
    as_of: datetime | None = None
    off: bool = False

    def merged(self, told: Booking) -> Booking:
        """With what another event told of it, whichever came first: the newest counts, and an end is for ever."""
        ours, theirs = self.as_of or self.confirmed_at, told.as_of or told.confirmed_at
        facts = told if told.rooms and (theirs >= ours or not self.rooms) else self
        confirmed_at, off = min(self.confirmed_at, told.confirmed_at), self.off or told.off
        return replace(facts, contact=told.contact, confirmed_at=confirmed_at, off=off)

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

    Each booking reads the moment in its own property's days. One that is off counts only where there is no other.
    """
    bookings = [booking for booking in bookings if not booking.off] or bookings
    if current := [booking for booking in bookings if booking.contains(booking.day_of(moment))]:
        return latest(current)
    if near := [booking for booking in bookings if booking.may_concern(booking.day_of(moment))]:
        nearest = min(booking.distance(booking.day_of(moment)) for booking in near)
        return latest([booking for booking in near if booking.distance(booking.day_of(moment)) == nearest])
    return latest(bookings)


def latest(bookings: Collection[Booking]) -> Booking | None:
    """The booking created last; ids break a tie, so that the answer is the same everywhere."""
    return max(bookings, key=lambda booking: (booking.confirmed_at, booking.id), default=None)
