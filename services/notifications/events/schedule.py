"""Quiet hours and times of reminders, in a property's local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

REMIND_AT = time(10)
LEAVING_AT = time(8)
FEEDBACK_AT = time(10)
LEAST_NOTICE, MOST_NOTICE = timedelta(hours=24), timedelta(hours=48)
FEEDBACK_WITHIN = timedelta(days=14)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name; UTC for an unknown one: a message at an odd hour is better than none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def at(day: date, hour: time, zone: str) -> datetime:
    """A day and local time of a property, as UTC."""
    return datetime.combine(day, hour, zone_of(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` in local time, across midnight if `start` is later; equal times mean no quiet hours."""

    start: time
    end: time

    def over(self, moment: datetime, zone: str) -> datetime:
        """The moment itself, or in quiet hours their end, in UTC."""
        local = moment.astimezone(zone_of(zone))
        if not self._covers(local.timetz().replace(tzinfo=None)):
            return moment
        morning = at(local.date(), self.end, zone)
        return morning if morning > moment else at(local.date() + timedelta(days=1), self.end, zone)

    def _covers(self, hour: time) -> bool:
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


def arrival_reminder(check_in: date, check_in_time: time, zone: str) -> datetime:
    """The last REMIND_AT that is 24 to 48 hours before arrival."""
    arrival = at(check_in, check_in_time, zone)
    for days in (1, 2, 3):
        moment = at(check_in - timedelta(days=days), REMIND_AT, zone)
        if arrival - moment >= LEAST_NOTICE:
            return max(moment, arrival - MOST_NOTICE)
    return arrival - MOST_NOTICE


def departure_reminder(check_out: date, check_out_time: time, zone: str) -> datetime:
    """The morning of departure, at the latest an hour before check-out time."""
    return min(at(check_out, LEAVING_AT, zone), at(check_out, check_out_time, zone) - timedelta(hours=1))


def feedback_request(check_out: date, zone: str) -> datetime:
    """The morning after departure."""
    return at(check_out + timedelta(days=1), FEEDBACK_AT, zone)
