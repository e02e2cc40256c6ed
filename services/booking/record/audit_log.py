"""The audit log: what was done with a booking, by whom, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.booking.record.booking import Booking


class Action(StrEnum):
    """What the audit log says was done."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    MODIFY = "MODIFY"
    CONFIRM = "CONFIRM"
    REJECT = "REJECT"
    CANCEL = "CANCEL"
    CHECK_IN = "CHECK_IN"
    CHECK_OUT = "CHECK_OUT"
    NO_SHOW = "NO_SHOW"
    NOTE = "NOTE"
    ROOM_MOVE = "ROOM_MOVE"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit log."""

    booking_id: UUID
    at: datetime
    who: str
    action: Action
    changes: list[dict[str, Any]]
    reason: str | None = None


_FIELDS = ("status", "check_in", "check_out", "package", "total", "charges", "paid", "fee", "refund", "revision")
_STAY_FIELDS = ("status", "room", "room_type", "amount")


def changes_between(old: Booking, new: Booking) -> list[dict[str, Any]]:
    """What changed from what to what, stay by stay where it concerns one; amounts and days as text."""
    changes = [_change(name, getattr(old, name), getattr(new, name)) for name in _FIELDS]
    before = {stay.code: stay for stay in old.stays}
    for stay in new.stays:
        was = before[stay.code]
        changes += [_change(f"{stay.code}.{name}", getattr(was, name), getattr(stay, name)) for name in _STAY_FIELDS]
    return [change for change in changes if change["old"] != change["new"]]


def _change(name: str, old: Any, new: Any) -> dict[str, Any]:
    return {"field": name, "old": _told(old), "new": _told(new)}


def _told(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)
