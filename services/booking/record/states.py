"""The states of a booking and of its stays, and the one table of what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
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
    NO_SHOW = "NO_SHOW"


OFF = frozenset({StayStatus.CANCELLED, StayStatus.NO_SHOW})  # a stay that nobody comes to any more

FOLLOWS: Mapping[Status, frozenset[Status]] = {
    Status.HOLD: frozenset({Status.PENDING, Status.CONFIRMED, Status.CANCELLED, Status.FAILED}),
    Status.PENDING: frozenset({Status.CONFIRMED, Status.REJECTED, Status.CANCELLED, Status.FAILED}),
    Status.CONFIRMED: frozenset({Status.CHECKED_IN, Status.NO_SHOW, Status.CANCELLED, Status.COMPLETED}),
    Status.CHECKED_IN: frozenset({Status.CHECKED_OUT}),
    Status.CHECKED_OUT: frozenset({Status.COMPLETED}),
}

STAY_FOLLOWS: Mapping[StayStatus, frozenset[StayStatus]] = {
    StayStatus.PENDING: frozenset({StayStatus.CONFIRMED, StayStatus.CANCELLED}),
    StayStatus.CONFIRMED: frozenset({StayStatus.CHECKED_IN, StayStatus.CANCELLED, StayStatus.NO_SHOW}),
    StayStatus.CHECKED_IN: frozenset({StayStatus.CHECKED_OUT}),
}


def check_follows(now: Status, then: Status) -> None:
    """A booking only goes where the table lets it.

    Raises:
        Refusal: illegal_transition, with what is allowed.
    """
    _check("", now, then, FOLLOWS.get(now, frozenset()))


def check_stay_follows(code: str, now: StayStatus, then: StayStatus) -> None:
    """A stay only goes where the table lets it.

    Raises:
        Refusal: illegal_transition, naming the stay and what is allowed.
    """
    _check(f"stay {code}: ", now, then, STAY_FOLLOWS.get(now, frozenset()))


def _check(what: str, now: StrEnum, then: StrEnum, allowed: frozenset[Status] | frozenset[StayStatus]) -> None:
    if then in allowed:
        return
    names = sorted(str(one) for one in allowed)
    text = f"{what}{now} cannot become {then}; allowed: {', '.join(names) or 'nothing: it is at its end'}"
    raise Refusal("illegal_transition", text, state=str(now), wanted=str(then), allowed=names)
