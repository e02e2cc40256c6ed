"""The reminders of a booking: which are due and when. They follow its dates and end with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifications.delivery import Event
from services.notifications.events.schedule import (
    FEEDBACK_WITHIN,
    arrival_reminder,
    at,
    departure_reminder,
    feedback_request,
)
from services.notifications.properties import PropertySettings
from shared.contracts.booking import BookedRoom, BookingConfirmed, Outcome, PropertyFacts
from shared.contracts.booking.lifecycle import BookingModified
from shared.contracts.notifications import ReminderDue
from shared.messages.message import Outgoing, digest_of

REMINDERS = (Event.ARRIVAL_REMINDER, Event.DEPARTURE_REMINDER, Event.FEEDBACK)


class State(StrEnum):
    """The state of a booking as far as reminders need it: expected, guests here, guests gone, or cancelled (OFF)."""

    EXPECTED = "expected"
    HERE = "here"
    GONE = "gone"
    OFF = "off"


class Booked(Outcome):
    """What reminders need to know of a booking."""

    check_in: date
    check_out: date
    rooms: tuple[BookedRoom, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking's entry. `as_of` is the time of its newest event; an older event that arrives later is ignored.

    `left_on` is the day on which the last guest left.
    """

    booking_id: UUID
    as_of: datetime
    state: State
    booked: Booked
    left_on: date | None = None

    @classmethod
    def of(cls, message: BookingConfirmed | BookingModified) -> Entry:
        """The entry of a new booking."""
        return cls(message.booking_id, message.at, State.EXPECTED, _booked(message))

    def day_of(self, reminder: Event) -> date:
        """The day to which a reminder refers."""
        if reminder is Event.ARRIVAL_REMINDER:
            return self.booked.check_in
        return self.left_on or self.booked.check_out

    def changed(self, message: BookingModified) -> Entry:
        """After a change of the booking; the state stays."""
        return replace(self, as_of=message.at, booked=_booked(message))

    def moved(self, state: State, as_of: datetime, left_on: date | None = None) -> Entry:
        """In another state."""
        return replace(self, as_of=as_of, state=state, left_on=left_on or self.left_on)

    def reminders(self, settings: PropertySettings, now: datetime) -> list[Outgoing]:
        """The timers of the reminders that are still to come."""
        planned = [(reminder, self.day_of(reminder)) for reminder in REMINDERS if self.wants(reminder)]
        timed = [(reminder, day, _moment(reminder, day, settings, self.booked.property)) for reminder, day in planned]
        return [
            Outgoing(
                ReminderDue(booking_id=self.booking_id, reminder=reminder.value, day=day),
                id=str(digest_of(self.booking_id, reminder, day, self.as_of)),
                due=moment,
            )
            for reminder, day, moment in timed
            if moment > now
        ]

    def wants(self, reminder: Event) -> bool:
        """Whether the state allows a reminder."""
        if reminder is Event.ARRIVAL_REMINDER:
            return self.state is State.EXPECTED
        if reminder is Event.DEPARTURE_REMINDER:
            return self.state in (State.EXPECTED, State.HERE)
        return self.state is not State.OFF

    def is_due(self, reminder: Event, day: date, settings: PropertySettings, now: datetime) -> bool:
        """Whether a reminder that was planned for a day still fits dates and state, and is not too late."""
        if not self.wants(reminder) or day != self.day_of(reminder):
            return False
        zone = self.booked.property.timezone
        if reminder is Event.ARRIVAL_REMINDER:
            return now < at(day, self.booked.property.check_in_time, zone)
        if reminder is Event.DEPARTURE_REMINDER:
            return now < at(day, settings.check_out_time, zone)
        return now < feedback_request(day, zone) + FEEDBACK_WITHIN - timedelta(hours=1)


def _booked(message: BookingConfirmed | BookingModified) -> Booked:
    """Its parts are valid already: they are neither dumped nor validated again."""
    return Booked.model_construct(**{name: getattr(message, name) for name in Booked.model_fields})


def _moment(reminder: Event, day: date, settings: PropertySettings, place: PropertyFacts) -> datetime:
    zone = place.timezone
    if reminder is Event.ARRIVAL_REMINDER:
        return arrival_reminder(day, place.check_in_time, zone)
    if reminder is Event.DEPARTURE_REMINDER:
        return departure_reminder(day, settings.check_out_time, zone)
    return feedback_request(day, zone)
