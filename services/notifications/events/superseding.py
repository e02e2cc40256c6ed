"""Which messages about a booking supersede older ones: the older are not sent any more."""

from __future__ import annotations

from services.notifications.delivery import Event

_SEARCHES = frozenset({Event.PAYMENT_SEARCH, Event.PAYMENT_ESCALATED})
_SUPERSEDES = {
    Event.PAYMENT_ESCALATED: frozenset({Event.PAYMENT_SEARCH}),
    Event.CONFIRMED: _SEARCHES,
    Event.REFUSED: _SEARCHES,
    Event.FAILED: _SEARCHES,
    Event.MODIFIED: _SEARCHES | {Event.CONFIRMED},
    Event.CANCELLED: _SEARCHES
    | {Event.CONFIRMED, Event.MODIFIED, Event.ARRIVAL_REMINDER, Event.DEPARTURE_REMINDER, Event.FEEDBACK},
    Event.CHECK_IN: _SEARCHES | {Event.ARRIVAL_REMINDER},
    Event.CHECK_OUT: _SEARCHES | {Event.ARRIVAL_REMINDER},
}
_COUNTED = frozenset({Event.PAYMENT_SEARCH, Event.MODIFIED})  # their stage is a number, and the highest is the newest


def supersedes(newer: str, older: str) -> bool:
    """Whether the message of one occasion makes the message of another outdated."""
    (event, _, stage), (other, _, before) = newer.partition(":"), older.partition(":")
    if event == other:
        return event in _COUNTED and int(stage) > int(before)
    return other in _SUPERSEDES.get(Event(event), ())
