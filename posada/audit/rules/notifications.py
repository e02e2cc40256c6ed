"""Each guest is notified of each event once, of the booking's outcome, and of no other."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.delivery_status import by_occasion, missed
from posada.audit.invariant import AuditTime, Row, of_booking, of_database
from services.booking.record.states import Status, StayStatus
from services.notifications.delivery.model import ALIVE, Event, of_stays

OUTCOMES = {"done": "confirmed", "refused": "refused", "failed": "failed"}
EMAIL = "email"
PRESENCE = {StayStatus.CHECKED_IN: Event.CHECK_IN, StayStatus.CHECKED_OUT: Event.CHECK_OUT}
OF_A_LIFE = {Event.MODIFIED, Event.CANCELLED, *PRESENCE.values()}

# A message that waits for its provider, or for the morning, has a time to come; a channel is given up after 15 minutes.
_STAYS_BEHIND = """
SELECT booking_id, occasion, channel, audience, due_at FROM deliveries
WHERE status = 'pending' AND due_at < $1::timestamptz - interval '20 minutes' ORDER BY due_at LIMIT 1000"""


@of_booking("told-once", "Each guest is told once of each event")
def told_once(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """The same event went to the same recipient twice, or by two chat channels."""
    chats: dict[str, set[str]] = {}
    for row in snapshot.deliveries:
        if row["times"] > row["recipients"]:
            yield f"{row['occasion']} went out {row['times']} times by {row['channel']}"
        if row["channel"] != EMAIL and ALIVE & set(row["statuses"]):
            chats.setdefault(row["occasion"], set()).add(row["channel"])
    for occasion, channels in chats.items():
        if len(channels) > 1:
            yield f"{occasion} went out by {' and '.join(sorted(channels))}"


@of_booking("told-the-outcome", "Each guest is told how the booking came out, and nothing else", "posada outbox")
def told_the_outcome(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """No message of the outcome, or one of another; or every channel failed and staff were not alerted."""
    if snapshot.booking is None or not snapshot.settled:
        return
    wanted = OUTCOMES.get(snapshot.verdict)
    notified = sorted(by_occasion(snapshot).keys() & set(OUTCOMES.values()))
    others = [occasion for occasion in notified if occasion != wanted]
    if others:
        yield f"it is {snapshot.booking['status']} and the guest was told {', '.join(others)}"
    if wanted and wanted not in notified:
        yield f"it is {snapshot.booking['status']} and the guest was never told"
    elif wanted and (why := missed(snapshot, wanted)):
        yield why


@of_booking(
    "told-what-became-of-it",
    "Each guest is told of every change, of the cancellation, each arrival and departure, and of none that was not",
    "posada outbox",
)
def told_what_became_of_it(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """A change of a booking without a message to its guest, or a message about what never happened."""
    if snapshot.booking is None or not snapshot.settled:
        return
    told, happened = by_occasion(snapshot), _happened(snapshot)
    for occasion in sorted(happened):
        if occasion not in told:
            yield f"it is {snapshot.booking['status']} and the guest was never told of {occasion}"
        elif why := missed(snapshot, occasion):
            yield why
    for occasion in sorted(told.keys() - happened):
        if occasion.partition(":")[0] in OF_A_LIFE:
            yield f"it is {snapshot.booking['status']} and the guest was told of {occasion}, which never happened"


@of_database(
    "messages-leave",
    "What guests and staff are to be told goes out in its time",
    service="notifications",
    query=_STAYS_BEHIND,
    remedy="posada serve notifications",
)
def messages_leave(row: Row, _: AuditTime) -> tuple[object, str]:
    """A message that should have gone out has not."""
    what = f"{row['occasion'].partition(':')[0]} to the {row['audience']} by {row['channel']}"
    return row["booking_id"], f"{what} should have gone out at {row['due_at']:%Y-%m-%d %H:%M:%S}"


def _happened(snapshot: BookingSnapshot) -> set[str]:
    """What its guest must be notified of, as the occasions that notifications makes of it."""
    if snapshot.booking is None or snapshot.verdict != "done":
        return set()
    found = {f"{Event.MODIFIED}:{number}" for number in range(1, (snapshot.booking["revision"] or 0) + 1)}
    if snapshot.status is Status.CANCELLED:
        found.add(Event.CANCELLED.value)
    together: dict[tuple[int, str], list[str]] = {}  # who arrives or leaves with one command is told of together
    for change in snapshot.stay_changes:
        if event := PRESENCE.get(change["new"]):
            together.setdefault((change["entry"], event), []).append(change["code"])
    return found | {f"{event}:{of_stays(codes)}" for (_, event), codes in together.items()}
