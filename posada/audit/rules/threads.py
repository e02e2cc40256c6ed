"""Conversations: one thread for a phone and apartment, each message once, each confirmed booking known."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import AuditTime, Row, of_booking, of_database
from services.booking.record.states import Status

RELINK = "posada conversations relink"
LINKED = {Status.CONFIRMED, Status.CHECKED_IN, Status.CHECKED_OUT, Status.COMPLETED}
NEVER = {Status.REJECTED, Status.FAILED}

# A phone is personal: threads are named by their ids.
_SEVERAL = """
SELECT array_agg(id ORDER BY created_at, id) AS threads, property_id, room FROM threads
GROUP BY contact, property_id, room HAVING count(*) > 1 ORDER BY 1"""
_STORED_TWICE = """
SELECT array_agg(DISTINCT thread_id) AS threads, array_agg(number ORDER BY number) AS numbers FROM messages
GROUP BY channel, message_id HAVING count(*) > 1 ORDER BY 1"""


@of_database(
    "one-thread", "One thread for a phone and apartment", service="conversations", query=_SEVERAL, remedy=RELINK
)
def one_thread(row: Row, _: AuditTime) -> tuple[object, str]:
    """A tenant has two threads for the same apartment, or two without one."""
    first, *others = row["threads"]
    where = f"{row['property_id']} {row['room']}" if row["room"] else "no apartment"
    return first, f"the same tenant has {', '.join(map(str, others))} as well, for {where}"


@of_database("message-once", "Each message is stored once", service="conversations", query=_STORED_TWICE, remedy=RELINK)
def message_once(row: Row, _: AuditTime) -> tuple[object, str]:
    """A provider's message is stored twice."""
    return row["threads"][0], f"a message is stored {len(row['numbers'])} times: {', '.join(map(str, row['numbers']))}"


@of_booking("conversation-knows", "Conversations knows the confirmed bookings, and no other")
def conversation_knows(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Conversations has not heard of a confirmed booking, or of one that never was."""
    if not snapshot.settled:
        return
    has_chat = snapshot.saga is not None and snapshot.saga["has_chat"]
    if snapshot.status in LINKED and snapshot.linked is None and has_chat:
        yield f"it is {snapshot.status}, and conversations does not know it"
    if snapshot.linked is not None and (snapshot.booking is None or snapshot.status in NEVER):
        yield f"conversations knows it, and it is {snapshot.status or 'unknown to booking'}"
