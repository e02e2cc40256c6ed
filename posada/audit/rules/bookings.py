"""Bookings: codes given once, and each state reached by a legal path with one entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from posada.audit.booking_snapshot import BookingSnapshot, status_named
from posada.audit.invariant import AuditTime, Row, of_booking, of_database
from services.booking.record.states import FOLLOWS, STAY_FOLLOWS, Status, StayStatus

# A booking begins as pending, or in the same batch already as what follows that.
BEGINNINGS = {Status.PENDING, *FOLLOWS[Status.PENDING]}
# A stay is written when its booking is confirmed, and the audit log has what becomes of it from then on.
FIRST_OF_A_STAY = StayStatus.CONFIRMED
STEPS_OF_A_STAY = {(old.value, new.value) for old, followers in STAY_FOLLOWS.items() for new in followers}
ARRIVED = {StayStatus.CHECKED_IN, StayStatus.CHECKED_OUT}

_CODE_TWICE = """
SELECT code, array_agg(DISTINCT booking_id) AS bookings, count(*) AS times FROM stays
GROUP BY code HAVING count(*) > 1 ORDER BY code"""


@of_database("code-once", "A reservation code is given once", service="booking", query=_CODE_TWICE)
def code_once(row: Row, _: AuditTime) -> tuple[object, str]:
    """Two stays have the same code."""
    first, *others = row["bookings"]
    with_whom = f", also to {', '.join(map(str, others))}" if others else ""
    return first, f"code {row['code']} is given {row['times']} times{with_whom}"


@of_booking("legal-path", "Each state is reached by a legal path, with one audit entry for each step")
def legal_path(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """A step of the audit log is not allowed, is there twice, or leads to another status."""
    if snapshot.booking is None:
        return
    at: str | None = None
    for change in snapshot.changes:
        old, new = change["old"], change["new"]
        if old != at:
            yield f"it became {new} from {old or 'nothing'} when it was {at or 'nothing'}"
        elif not _may_follow(old, new):
            yield f"{old or 'nothing'} became {new}"
        at = new
    if at != snapshot.booking["status"]:
        yield f"it is {snapshot.booking['status']}, and its last audit entry says {at or 'nothing'}"


@of_booking("legal-stays", "Each room of a booking goes its own legal path, and the booking with them")
def legal_stays(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """A stay took a step that may not be taken or that the audit log has not, or is where its booking is not."""
    changes: dict[str, list[Row]] = {}
    for change in snapshot.stay_changes:
        changes.setdefault(change["code"], []).append(change)
    for stay in snapshot.stays:
        yield from _path_of(stay, changes.get(stay["code"], []))
    states = {stay["status"] for stay in snapshot.stays}
    if (snapshot.status is Status.CHECKED_IN and not (states & ARRIVED and states - {StayStatus.CHECKED_OUT})) or (
        snapshot.status is Status.CHECKED_OUT and states != {StayStatus.CHECKED_OUT}
    ):
        yield f"it is {snapshot.status}, and its stays are {', '.join(sorted(states)) or 'none'}"
    elif snapshot.status is Status.CONFIRMED and states & ARRIVED:
        yield f"it is {snapshot.status}, and its stays are {', '.join(sorted(states))}"


def _path_of(stay: Row, changes: Sequence[Row]) -> Iterable[str]:
    at: str = FIRST_OF_A_STAY
    for change in changes:
        old, new = change["old"], change["new"]
        if old != at:
            yield f"stay {stay['code']} became {new} from {old} when it was {at}"
        elif (old, new) not in STEPS_OF_A_STAY:
            yield f"stay {stay['code']} was {old} and became {new}"
        at = new
    if at != stay["status"]:
        yield f"stay {stay['code']} is {stay['status']}, and its last audit entry says {at}"


def _may_follow(old: str | None, new: str) -> bool:
    if old is None:
        return new in BEGINNINGS
    was = status_named(old)
    return was is not None and new in FOLLOWS.get(was, frozenset())
