"""Who was told of what, on facts given by hand: what newer news made idle is no finding, and what nobody heard is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import AuditTime
from posada.audit.rules.notifications import told_the_outcome, told_what_became_of_it
from services.notifications.delivery.model import of_stays
from tests.support.doubles.transport import START

WHEN = AuditTime(START)
ONE, TWO = "HR1", "HR2"
SOON = frozenset({"sent", "standby"})


def snapshot(
    told: Mapping[str, set[str] | frozenset[str]],
    *,
    status: str = "CONFIRMED",
    revision: int = 0,
    verdict: str = "done",
    changing: bool = False,
    moves: Mapping[int, tuple[str, str]] | None = None,
    alerts: int = 0,
) -> BookingSnapshot:
    """A booking whose guest has messages of these occasions, in these states; `moves` are stays by audit entry."""
    return BookingSnapshot(
        UUID(int=7),
        booking={"status": status, "revision": revision, "changing": changing},
        saga={"phase": "ended", "verdict": verdict},
        stay_changes=[{"entry": entry, "code": code, "new": new} for entry, (code, new) in (moves or {}).items()],
        deliveries=[{"occasion": name, "statuses": sorted(states)} for name, states in told.items()],
        alert={"alerts": alerts} if alerts else None,
    )


def wrong(found: BookingSnapshot) -> list[str]:
    """What both rules say of it."""
    return [str(one) for rule in (told_the_outcome, told_what_became_of_it) for one in rule(found, WHEN)]


IN, OUT = "CHECKED_IN", "CHECKED_OUT"
ROOM_BY_ROOM: dict[str, set[str] | frozenset[str]] = {
    f"check_in:{of_stays([ONE])}": SOON,
    f"check_in:{of_stays([TWO])}": {"delivered"},
}
FINE: dict[str, tuple[dict[str, set[str] | frozenset[str]], dict[str, Any]]] = {
    "confirmed": ({"confirmed": {"failed", "read"}}, {}),
    "two changes, the first overtaken": (
        {"confirmed": {"withdrawn"}, "modified:1": {"withdrawn"}, "modified:2": SOON},
        {"revision": 2},
    ),
    "changed, then cancelled": (
        {"confirmed": SOON, "modified:1": {"failed", "withdrawn"}, "cancelled": SOON},
        {"revision": 1, "status": "CANCELLED"},
    ),
    "changed, then not shown up": (
        {"confirmed": SOON, "modified:1": {"withdrawn"}},
        {"revision": 1, "status": "NO_SHOW"},
    ),
    "cancelled before its confirmation": ({"refused": SOON}, {"status": "CANCELLED", "verdict": "refused"}),
    "arrived room by room": (
        {"confirmed": SOON, **ROOM_BY_ROOM},
        {"status": IN, "moves": {1: (ONE, IN), 2: (TWO, IN)}},
    ),
    "a change under way": ({"confirmed": SOON, "modified:1": SOON}, {"changing": True}),
    "reminded": ({"confirmed": SOON, "arrival_reminder:2026-03-14": {"withdrawn"}, "feedback": SOON}, {}),
    "nobody reached, and staff told": (
        {"confirmed": {"failed"}, "modified:1": {"failed"}},
        {"revision": 1, "alerts": 2},
    ),
}
BROKEN: dict[str, tuple[dict[str, set[str] | frozenset[str]], dict[str, Any], str]] = {
    "an older change never told": (
        {"confirmed": SOON, "modified:2": SOON},
        {"revision": 2},
        "never told of modified:1",
    ),
    "an older change never told before it was cancelled": (
        {"confirmed": SOON, "cancelled": SOON},
        {"revision": 1, "status": "CANCELLED"},
        "never told of modified:1",
    ),
    "the last change withdrawn": (
        {"confirmed": SOON, "modified:1": SOON, "modified:2": {"withdrawn"}},
        {"revision": 2},
        "modified:2 was withdrawn",
    ),
    "the confirmation withdrawn": ({"confirmed": {"withdrawn"}}, {}, "confirmed was withdrawn"),
    "a cancellation that nobody heard of": (
        {"confirmed": SOON, "cancelled": {"failed"}},
        {"status": "CANCELLED"},
        "no message of cancelled got through",
    ),
    "a channel that was never woken": ({"confirmed": {"failed", "standby"}}, {"alerts": 1}, "got through"),
    "one alert for two": (
        {"confirmed": SOON, "modified:1": {"failed"}, "modified:2": {"failed"}},
        {"revision": 2, "alerts": 1},
        "staff was told of 1 of 2",
    ),
    "half of an arrival never told": (
        {"confirmed": SOON, f"check_in:{of_stays([ONE])}": SOON},
        {"status": IN, "moves": {1: (ONE, IN), 2: (TWO, IN)}},
        f"never told of check_in:{of_stays([TWO])}",
    ),
    "told cancelled while confirmed": ({"confirmed": SOON, "cancelled": SOON}, {}, "told of cancelled, which never"),
    "told cancelled, not shown up": (
        {"confirmed": SOON, "cancelled": SOON},
        {"status": "NO_SHOW"},
        "told of cancelled, which never",
    ),
    "told of a change beyond the last": (
        {"confirmed": SOON, "modified:1": SOON, "modified:2": SOON},
        {"revision": 1},
        "told of modified:2, which never",
    ),
    "welcomed, and nobody came": ({"confirmed": SOON, **ROOM_BY_ROOM}, {}, "told of check_in:"),
    "thanked, and still here": (
        {"confirmed": SOON, f"check_in:{of_stays([ONE])}": SOON, f"check_out:{of_stays([ONE])}": SOON},
        {"status": IN, "moves": {1: (ONE, IN)}},
        "told of check_out:",
    ),
    "refused, and told of a change": (
        {"refused": SOON, "modified:1": SOON},
        {"status": "REJECTED", "verdict": "refused"},
        "told of modified:1, which never",
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_who_heard_of_everything_is_no_finding(name: str) -> None:
    told, facts = FINE[name]
    assert wrong(snapshot(told, **facts)) == []


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_guest_never_heard_or_heard_for_nothing_is_named(name: str) -> None:
    told, facts, said = BROKEN[name]
    assert any(said in one for one in wrong(snapshot(told, **facts))), wrong(snapshot(told, **facts))


def test_rooms_that_arrive_with_one_command_are_told_of_together() -> None:
    both = {f"check_in:{of_stays([TWO, ONE])}": SOON}
    found = snapshot({"confirmed": SOON, **both}, status=IN)
    found.stay_changes = [{"entry": 1, "code": code, "new": IN} for code in (ONE, TWO)]
    assert wrong(found) == []
