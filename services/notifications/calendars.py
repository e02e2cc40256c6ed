"""The calendar attachment of an e-mail: one entry for a stay, which later e-mails move or take away."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from icalendar import Calendar, Event, vText

from services.notifications.moments import at


def stay_entry(
    *,
    booking_id: UUID,
    summary: str,
    description: str,
    place: str,
    check_in: date,
    check_out: date,
    check_in_time: time,
    check_out_time: time,
    zone: str,
    made_at: datetime,
    cancelled: bool = False,
) -> str:
    """An ICS file (RFC 5545). The booking is its UID and the time of the event its SEQUENCE: a later one wins."""
    calendar = Calendar()
    calendar.add("prodid", "-//Posada//notifications//")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancelled else "PUBLISH")
    entry = Event()
    entry.add("uid", f"{booking_id}@posada")
    entry.add("sequence", int(made_at.timestamp()) % 2**31)
    entry.add("dtstamp", made_at)
    # In UTC: every calendar shows it in its reader's zone, and a description of the property's costs 30 ms to make.
    entry.add("dtstart", at(check_in, check_in_time, zone))
    entry.add("dtend", at(check_out, check_out_time, zone))
    entry.add("summary", summary)
    entry.add("description", description)
    entry["location"] = vText(place)
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    calendar.add_component(entry)
    written: bytes = calendar.to_ical()
    return written.decode()
