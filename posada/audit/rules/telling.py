"""Telling: each guest hears of each event once, of the outcome that is, and of no other."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.dossier import Dossier, Row
from posada.audit.invariant import Terms, of_booking
from services.booking.domain.lifecycle import Status, StayStatus

OUTCOMES = {"done": "confirmed", "refused": "refused", "failed": "failed"}
THROUGH = {"pending", "sent", "delivered", "read", "stored"}
SETTLED = {*THROUGH, "withdrawn"}  # the latter where newer news of the booking came first
EMAIL = "email"


@of_booking("told-once", "Each guest is told once of each event")
def told_once(dossier: Dossier, _: Terms) -> Iterable[str]:
    """The same event went to the same recipient twice, or by two chat channels."""
    for row in dossier.deliveries:
        if row["times"] > row["recipients"]:
            yield f"{row['occasion']} went out {row['times']} times by {row['channel']}"
    for occasion, rows in _by_occasion(dossier).items():
        chats = sorted({row["channel"] for row in rows if row["channel"] != EMAIL and row["status"] in THROUGH})
        if len(chats) > 1:
            yield f"{occasion} went out by {' and '.join(chats)}"


@of_booking("told-the-outcome", "Each guest is told how the booking came out, and nothing else", "posada outbox")
def told_the_outcome(dossier: Dossier, _: Terms) -> Iterable[str]:
    """The guest was not told the outcome, or heard of another; or everything failed and staff was not told."""
    wanted = OUTCOMES.get(dossier.verdict)
    by_occasion = _by_occasion(dossier)
    heard = sorted(by_occasion.keys() & set(OUTCOMES.values()))
    if dossier.booking is None or not dossier.settled:
        return
    others = [occasion for occasion in heard if occasion != wanted]
    if others:
        yield f"it is {dossier.booking['status']} and the guest was told {', '.join(others)}"
    if wanted and wanted not in heard:
        yield f"it is {dossier.booking['status']} and the guest was never told"
    elif wanted and dossier.alert is None and not any(row["status"] in SETTLED for row in by_occasion[wanted]):
        yield f"no message of {wanted} got through, and staff was not told"


@of_booking(
    "told-what-became-of-it",
    "Each guest with a booking is told of its last change, its cancellation, an arrival and a departure",
    "posada outbox",
)
def told_what_became_of_it(dossier: Dossier, _: Terms) -> Iterable[str]:
    """Something happened to a confirmed booking and the guest has no message of it, not even one that was withdrawn."""
    if dossier.booking is None or not dossier.settled or dossier.verdict != "done":
        return
    occasions = set(_by_occasion(dossier))
    events = {occasion.partition(":")[0] for occasion in occasions}
    for happened in _happened(dossier):
        if happened not in (occasions if ":" in happened else events):
            yield f"it is {dossier.booking['status']} and the guest was never told of {happened}"


def _happened(dossier: Dossier) -> Iterable[str]:
    """Occasions, or of those that may come in parts the event alone. Who has cancelled hears of no older change."""
    if dossier.status is Status.CANCELLED:
        yield "cancelled"
        return
    if dossier.booking and dossier.booking["revision"]:
        yield f"modified:{dossier.booking['revision']}"
    stays = {stay["status"] for stay in dossier.stays}
    if stays & {StayStatus.CHECKED_IN, StayStatus.CHECKED_OUT}:
        yield "check_in"
    if StayStatus.CHECKED_OUT in stays:
        yield "check_out"


def _by_occasion(dossier: Dossier) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in dossier.deliveries:
        found.setdefault(row["occasion"], []).append(row)
    return found
