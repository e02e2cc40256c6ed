"""A booking's states and the one table of what may follow what."""

from __future__ import annotations

from enum import StrEnum

from shared.errors import Refusal


class Status(StrEnum):
    """Where a booking is in its life."""

    HOLD = "HOLD"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CHECKED_IN = "CHECKED_IN"
    CHECKED_OUT = "CHECKED_OUT"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    NO_SHOW = "NO_SHOW"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


class StayStatus(StrEnum):
    """Where one room of a booking is."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CHECKED_IN = "CHECKED_IN"
    CHECKED_OUT = "CHECKED_OUT"
    CANCELLED = "CANCELLED"


FOLLOWS: dict[Status, frozenset[Status]] = {
    Status.HOLD: frozenset({Status.PENDING, Status.CONFIRMED, Status.CANCELLED, Status.FAILED}),
    Status.PENDING: frozenset({Status.CONFIRMED, Status.REJECTED, Status.CANCELLED, Status.FAILED}),
    Status.CONFIRMED: frozenset({Status.CHECKED_IN, Status.NO_SHOW, Status.CANCELLED, Status.COMPLETED}),
    Status.CHECKED_IN: frozenset({Status.CHECKED_OUT}),
    Status.CHECKED_OUT: frozenset({Status.COMPLETED}),
}


def check_follows(now: Status, then: Status) -> None:
    """A booking only goes where the table lets it.

    Raises:
        Refusal: illegal_transition, with what is allowed.
    """
    allowed = FOLLOWS.get(now, frozenset())
    if then not in allowed:
        names = ", ".join(sorted(allowed)) or "nothing: it is at its end"
        raise Refusal("illegal_transition", f"{now} cannot become {then}; allowed: {names}", allowed=sorted(allowed))
