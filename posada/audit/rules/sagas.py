"""Sagas: none older than its time-outs allow, none that ended and still waits, none that sends what never leaves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import AuditTime, Row, of_booking, of_database
from posada.audit.rules.money import FROM_GUESTS
from services.booking.record.states import Status
from services.booking.requests.saga.messages import ORDER_PATIENCE
from services.booking.unit_of_work import STATUS
from shared.contracts.topics import SERVICES
from shared.saga.state import Verdict

# What its first decision makes of a booking. One that is cancelled before that was given up: its saga is refused.
FIRST = {
    STATUS[Verdict.DONE]: "done",
    STATUS[Verdict.REFUSED]: "refused",
    STATUS[Verdict.FAILED]: "failed",
    Status.CANCELLED: "refused",
}
OVERDUE = timedelta(minutes=2)
_OVERDUE_ROWS = """
SELECT id, topic, due_at FROM outbox WHERE due_at < $1::timestamptz - interval '2 minutes'
UNION ALL SELECT id, 'several topics', due_at FROM outbox_batches WHERE due_at < $1::timestamptz - interval '2 minutes'
ORDER BY due_at LIMIT 1000"""

_CHANGES_UNDER_WAY = """
SELECT data ->> 'booking_id' AS booking_id, name, phase, wake_at, started_at FROM sagas
WHERE (data ->> 'booking_id')::uuid <> id AND phase <> 'ended' ORDER BY started_at"""


@of_booking("saga-in-time", "No saga is older than its time-outs allow")
def saga_in_time(snapshot: BookingSnapshot, when: AuditTime) -> Iterable[str]:
    """A saga goes on for longer than anything that it waits for may take."""
    saga = snapshot.saga
    if saga is None or saga["phase"] == "ended":
        return
    if saga["wake_at"] is None:
        yield f"its saga is {saga['phase']}, and nothing will wake it"
    elif saga["wake_at"] < when.now - OVERDUE:
        yield f"its saga was to be woken at {saga['wake_at']:%Y-%m-%d %H:%M:%S}"
    # Until it is decided each write begins a step. Afterwards each repetition writes as well, and would hide its age.
    since = snapshot.decided_at or saga["updated_at"]
    if saga["phase"] == "running" and _looks_for_money(snapshot, when):
        return
    patience = when.patience + (ORDER_PATIENCE if saga["phase"] == "running" else timedelta())
    if since + patience < when.now:
        pending = ", ".join(json.loads(saga["pending"] or "[]")) or "an answer"
        yield f"its saga is {saga['phase']} since {since:%Y-%m-%d %H:%M:%S} and waits for {pending}"


def _looks_for_money(snapshot: BookingSnapshot, when: AuditTime) -> bool:
    request = snapshot.request
    waits = request is not None and snapshot.paid_as in {"waiting", "escalated"}
    return bool(waits and request and request["next_attempt_at"] > when.now - OVERDUE)


@of_database(
    "change-in-time",
    "No end or change of a booking is older than its time-outs allow",
    service="booking",
    query=_CHANGES_UNDER_WAY,
)
def change_in_time(row: Row, when: AuditTime) -> tuple[object, str] | None:
    """A cancellation, a no-show or a change of dates does not come to its end."""
    woken = row["wake_at"] is not None and row["wake_at"] >= when.now - OVERDUE
    if woken and row["started_at"] >= when.now - when.patience:
        return None
    what = f"its {row['name'].replace('_', ' ')} is {row['phase']} since {row['started_at']:%Y-%m-%d %H:%M:%S}"
    return row["booking_id"], what


@of_booking("saga-agrees", "A saga and its booking tell the same, and one that ended waits for nothing")
def saga_agrees(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Booking's own tables contradict each other."""
    saga, booking = snapshot.saga, snapshot.booking
    if saga is None or booking is None:
        if saga is not None:
            yield "there is a saga and no booking"
        elif booking is not None and booking["source"] in FROM_GUESTS:  # a request's booking comes of its saga alone
            yield "there is a booking and no saga"
        return
    if saga["phase"] != saga["told_phase"]:
        yield f"its saga is {saga['phase']} in its row and {saga['told_phase']} in its progress"
    if snapshot.settled and saga["wake_at"] is not None:
        yield "its saga has ended and is to be woken"
    decided = next((new["new"] for new in snapshot.changes if new["new"] in FIRST), None)
    recorded = FIRST[decided] if decided else "open"
    if recorded != snapshot.verdict:
        yield f"its saga is {snapshot.verdict}, and its history says {recorded}"


def _nothing_stays(service: str) -> None:
    @of_database(
        f"sent-by-{service}",
        f"What {service} has committed is sent",
        service=service,
        query=_OVERDUE_ROWS,
        remedy=f"posada serve {service}",
    )
    def judge(row: Row, _: AuditTime) -> tuple[object, str]:
        return row["id"], f"a message for {row['topic']} should have been sent at {row['due_at']:%Y-%m-%d %H:%M:%S}"


for _service in SERVICES:
    _nothing_stays(_service)
