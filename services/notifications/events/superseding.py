"""What newer news of a booking does to older news: who has heard of the one is not told of the other any more."""

from __future__ import annotations

from services.notifications.delivery.model import Event

_SEARCHES = frozenset({Event.PAYMENT_SEARCH, Event.PAYMENT_ESCALATED})
# What an event makes untrue or idle.
_OVERTAKES = {
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
_COUNTED = frozenset({Event.PAYMENT_SEARCH, Event.MODIFIED})  # their stage is a number, and the highest counts


def overtakes(newer: str, older: str) -> bool:
    """Whether one occasion of a booking makes another's message untrue or idle."""
    (event, _, stage), (other, _, before) = newer.partition(":"), older.partition(":")
    if event == other:
        return event in _COUNTED and int(stage) > int(before)
    return other in _OVERTAKES.get(Event(event), ())
