"""When something is told: the quiet hours of a property, and the moments of its reminders, in its own time."""

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
    """A time zone by its IANA name; UTC for one that nobody knows: a message at an odd hour is better than none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def at(day: date, hour: time, zone: str) -> datetime:
    """A property's local time of a day, in UTC."""
    return datetime.combine(day, hour, zone_of(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` in the property's time, over midnight where start is later; equal ones are none."""

    start: time
    end: time

    def over(self, moment: datetime, zone: str) -> datetime:
        """The moment itself, or the end of the quiet hours that it falls in, in UTC."""
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
    """The last REMIND_AT that leaves the guest at least 24 hours, and never more than 48."""
    arrival = at(check_in, check_in_time, zone)
    for days in (1, 2, 3):
        moment = at(check_in - timedelta(days=days), REMIND_AT, zone)
        if arrival - moment >= LEAST_NOTICE:
            return max(moment, arrival - MOST_NOTICE)
    return arrival - MOST_NOTICE


def departure_reminder(check_out: date, check_out_time: time, zone: str) -> datetime:
    """In the morning of the day of departure, an hour before its check-out time at the latest."""
    return min(at(check_out, LEAVING_AT, zone), at(check_out, check_out_time, zone) - timedelta(hours=1))


def feedback_request(check_out: date, zone: str) -> datetime:
    """The morning after."""
    return at(check_out + timedelta(days=1), FEEDBACK_AT, zone)
