"""Tells a booking's course: each event as a line with its time, its name, and what matters of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.text import Text

from posada.client.booking_events import CONFIRMED, Event

STYLES: Final = {"good": "bold green", "bad": "bold red", "wait": "yellow", "step": ""}
MARKS: Final = {"good": "✔", "bad": "✘", "wait": "…", "step": "·"}
LONGEST: Final = 300


def line_of(event: Event, seconds: float, who: str = "") -> Text:
    """One line; `seconds` is the time since the request was published, `who` is named where several run together."""
    mood = mood_of(event)
    line = Text(f"{seconds:8.3f} s  ", style="dim", end="")
    if who:
        line.append(f"{who:<18} ", style="cyan")
    line.append(f"{MARKS[mood]} {event.step.replace('_', ' ').replace('-', ' ')}", style=STYLES[mood])
    if said := "; ".join(facts_of(event)):
        line.append(f"  {said}", style="")
    return line


def mood_of(event: Event) -> str:
    """Whether an event is good, bad, a wait, or just a step."""
    if event.type == CONFIRMED:
        return "good"
    if event.is_outcome:
        return "bad"
    return "wait" if "search" in event.type or "escalated" in event.type or "await" in event.step else "step"


def facts_of(event: Event) -> Iterator[str]:
    """What matters of an event; a field that this version does not know is passed over."""
    body = event.body
    rooms = [room for room in body.get("rooms") or () if isinstance(room, Mapping)]
    if rooms:
        yield ", ".join(f"{room.get('code')} ({room.get('type_label')}, room {room.get('room')})" for room in rooms)
    if body.get("total"):
        yield f"{body['total']} {body.get('currency', '')}".strip()
    if body.get("payment_found_later"):
        yield "payment found later"
    if event.reason:
        yield f"{event.reason}: {_shown(body['refusal'].get('text'))}"
    if "search" in event.type:
        kept = "stay held" if body.get("rooms_kept", True) else "are free for others"
        yield f"looking for the payment, stage {body.get('stage')}; the rooms {kept}"
    if "escalated" in event.type:
        yield "the staff looks for the payment"
    yield from _pairs(body.get("details"))


def _pairs(details: Any) -> Iterator[str]:
    if isinstance(details, Mapping):
        for name, value in details.items():
            if value not in (None, "", [], {}):
                yield f"{name.replace('_', ' ')} {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return " ".join(str(value).split())[:LONGEST]
