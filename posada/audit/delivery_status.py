"""What a guest has messages of, and whether each of them got through, was overtaken, or is with the staff."""

from __future__ import annotations

from posada.audit.booking_snapshot import BookingSnapshot
from services.booking.record.states import Status
from services.notifications.delivery.model import ALIVE
from services.notifications.delivery.model import Status as Sent
from services.notifications.events.superseding import supersedes

# Once a booking has ended its guest is notified of nothing earlier, even if no message said that it ended.
_NOT_EXPECTED = {Status.CANCELLED, Status.NO_SHOW}
_THAT_ENDS_ALL = "cancelled"


def by_occasion(snapshot: BookingSnapshot) -> dict[str, set[str]]:
    """The occasions that the guest has messages of, each with the states of those, by whatever channel."""
    found: dict[str, set[str]] = {}
    for row in snapshot.deliveries:
        found.setdefault(row["occasion"], set()).update(row["statuses"])
    return found


def missed(snapshot: BookingSnapshot, occasion: str) -> str | None:
    """Why neither the guest nor staff can know of an occasion of which there are messages; None where all is well.

    A message got through, or newer news made it idle, or every channel failed and staff were alerted.
    """
    occasions = by_occasion(snapshot)
    states = occasions[occasion]
    if states & ALIVE:
        return None
    if Sent.WITHDRAWN in states:
        overtaken = is_overtaken(snapshot, occasion)
        return None if overtaken else f"{occasion} was withdrawn, and the guest was told of nothing newer"
    unreached = [one for one, its_states in occasions.items() if its_states == {Sent.FAILED}]
    alerts = snapshot.alert["alerts"] if snapshot.alert else 0
    if occasion in unreached and alerts >= len(unreached):
        return None
    return f"no message of {occasion} got through, and staff was told of {alerts} of {max(1, len(unreached))} such"


def is_overtaken(snapshot: BookingSnapshot, occasion: str) -> bool:
    """Whether newer news, sent or recorded, makes an occasion untrue or idle."""
    newer = [one for one in by_occasion(snapshot) if one != occasion]
    if snapshot.status in _NOT_EXPECTED:
        newer.append(_THAT_ENDS_ALL)
    return any(_supersedes(one, occasion) for one in newer)


def _supersedes(newer: str, older: str) -> bool:
    try:
        return supersedes(newer, older)
    except ValueError:  # no occasion of ours: it makes nothing idle
        return False
