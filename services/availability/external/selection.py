"""Choosing again: which room to try next for a line, after which pause, and what became of all of them."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MOST_NAMED = 20  # rooms that a message to staff names


class AttemptStatus(StrEnum):
    """What became of an attempt: DOUBTFUL where the call may have booked the room without our hearing of it.

    NOT_ASKED is one that the circuit breaker kept back.
    """

    CALLING = "calling"
    BOOKED = "booked"
    TAKEN = "taken"
    NOT_ASKED = "not_asked"
    DOUBTFUL = "doubtful"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a room for a line of a request."""

    line: int
    room: str
    status: AttemptStatus
    code: str = ""
    problem: str = ""

    @property
    def to_be_cancelled(self) -> bool:
        """Whether the place has a booking of ours, as far as we know: also one whose cancellation failed."""
        return self.status is AttemptStatus.BOOKED or (self.status is AttemptStatus.DOUBTFUL and bool(self.code))


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a room is tried for each line, and the pause before the next attempt, which grows by a factor."""

    attempts: int = 3
    pause: timedelta = timedelta(seconds=2)
    growth: float = 1.0

    def before(self, attempt: int) -> timedelta:
        """The pause before an attempt; the first has none."""
        return timedelta() if attempt <= 1 else self.pause * self.growth ** (attempt - 2)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of a request with the room that we hold for it."""

    line: int
    type: str
    room: str


def next_room(
    wanted: Wanted,
    lines: Sequence[Wanted],
    tried: Sequence[Attempt],
    *,
    free: Mapping[str, Collection[str]],
    shut: Collection[str],
    dice: random.Random,
) -> str | None:
    """The room to try: the one that is held first, then one of those that are free, at random.

    Never one that failed in this booking, that another line has or holds, or that is shut: held by others, or to be
    avoided. None when there is none.
    """
    failed = {one.room for one in tried if one.status is not AttemptStatus.BOOKED}
    ours = {one.room for one in tried if one.status is AttemptStatus.BOOKED} | {
        one.room for one in lines if one != wanted
    }
    if wanted.room not in failed | ours:
        return wanted.room
    never = {room.casefold() for room in (*failed, *ours, *shut)}
    choice = [room for room in free.get(wanted.type, ()) if room.casefold() not in never]
    return dice.choice(choice) if choice else None


def to_staff(attempts: Sequence[Attempt], *, can_cancel: bool) -> str:
    """What a person has to undo, with every code; empty where there is nothing."""
    left = [
        f"{one.code} (room {one.room})"
        for one in attempts
        if one.to_be_cancelled and not (can_cancel and one.status is AttemptStatus.BOOKED)
    ]
    doubtful = [f"room {one.room}" for one in attempts if one.status is AttemptStatus.DOUBTFUL and not one.code]
    parts = [f"cancel {', '.join(left)}"] if left else []
    if doubtful:
        parts.append(f"see whether these were booked without an answer: {', '.join(doubtful[:MOST_NAMED])}")
    return "; ".join(parts)
