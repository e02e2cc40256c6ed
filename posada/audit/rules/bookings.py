"""Bookings: codes given once, and each state reached by a legal path with one entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.dossier import Dossier, status_named
from posada.audit.invariant import Row, Terms, of_booking, of_database
from services.booking.domain.lifecycle import FOLLOWS, Status

# A booking begins as pending, or in the same batch already as what follows that.
BEGINNINGS = {Status.PENDING, *FOLLOWS[Status.PENDING]}

_CODE_TWICE = """
SELECT code, array_agg(DISTINCT booking_id) AS bookings, count(*) AS times FROM stays
GROUP BY code HAVING count(*) > 1 ORDER BY code"""


@of_database("code-once", "A reservation code is given once", service="booking", query=_CODE_TWICE)
def code_once(row: Row, _: Terms) -> tuple[object, str]:
    """Two stays have the same code."""
    first, *others = row["bookings"]
    with_whom = f", also to {', '.join(map(str, others))}" if others else ""
    return first, f"code {row['code']} is given {row['times']} times{with_whom}"


@of_booking("legal-path", "Each state is reached by a legal path, with one audit entry for each step")
def legal_path(dossier: Dossier, _: Terms) -> Iterable[str]:
    """A step of the audit log is none that may be taken, is told twice, or leads elsewhere."""
    if dossier.booking is None:
        return
    at: str | None = None
    for change in dossier.changes:
        old, new = change["old"], change["new"]
        if old != at:
            yield f"it became {new} from {old or 'nothing'} when it was {at or 'nothing'}"
        elif not _may_follow(old, new):
            yield f"{old or 'nothing'} became {new}"
        at = new
    if at != dossier.booking["status"]:
        yield f"it is {dossier.booking['status']}, and its last audit entry says {at or 'nothing'}"


def _may_follow(old: str | None, new: str) -> bool:
    if old is None:
        return new in BEGINNINGS
    was = status_named(old)
    return was is not None and new in FOLLOWS.get(was, frozenset())
