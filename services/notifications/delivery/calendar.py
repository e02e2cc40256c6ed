"""The calendar attachment of an e-mail: one entry for a stay, which later e-mails move or take away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from icalendar import Calendar, Event, vText
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class StayEntry:
    """What a calendar shows of a stay. It is kept as these facts: an ICS file is written only when one is sent.

    `begins` and `ends` are in UTC: every calendar shows them in its reader's zone. `made_at` is the time of the event
    that led to the entry: of several for one booking the latest wins.
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
        written: bytes = calendar.to_ical()
        return written.decode()


_KEPT = TypeAdapter(StayEntry)


def entry_in(kept: Mapping[str, Any] | None) -> StayEntry | None:
    """The entry in a column."""
    return _KEPT.validate_python(kept) if kept else None
