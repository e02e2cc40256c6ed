"""Telling: each guest hears of each event once, of the outcome that is, and of no other."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.dossier import Dossier, Row
from posada.audit.invariant import Terms, of_booking

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


def _by_occasion(dossier: Dossier) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in dossier.deliveries:
        found.setdefault(row["occasion"], []).append(row)
    return found
