"""The calendar attachment of an e-mail: one entry for a stay, which later e-mails update or cancel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from icalendar import Calendar, Event, vText
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class StayEntry:
    """What a calendar shows of a stay. It is stored as these facts and becomes an ICS file when it is sent.

    `begins` and `ends` are in UTC. `made_at` is the time of the event that led to the entry: of several entries for a
    booking the latest wins.
    """

    booking_id: UUID
    summary: str
    description: str
    begins: datetime
    ends: datetime
    made_at: datetime
    cancelled: bool = False

    def to_ics(self) -> str:
        """An ICS file (RFC 5545). The booking is its UID and the time of the event its SEQUENCE."""
        calendar = Calendar()
        calendar.add("prodid", "-//Posada//notifications//")
        calendar.add("version", "2.0")
        calendar.add("method", "CANCEL" if self.cancelled else "PUBLISH")
        entry = Event()
        entry.add("uid", f"{self.booking_id}@posada")
        entry.add("sequence", int(self.made_at.timestamp()) % 2**31)
        entry.add("dtstamp", self.made_at)
        entry.add("dtstart", self.begins)
        entry.add("dtend", self.ends)
        entry.add("summary", self.summary)
        entry.add("description", self.description)
        entry["location"] = vText(self.summary)
        entry.add("status", "CANCELLED" if self.cancelled else "CONFIRMED")
        calendar.add_component(entry)
        content: bytes = calendar.to_ical()
        return content.decode()

    def to_json(self) -> str:
        """The entry as it is stored."""
        return orjson.dumps(self).decode()


_STORED = TypeAdapter(StayEntry)


def entry_in(stored: str | None) -> StayEntry | None:
    """The entry that `to_json` stored."""
    return _STORED.validate_json(stored) if stored else None
