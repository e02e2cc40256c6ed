"""Topics: one outcome for each booking, announced; and nothing of our own set aside."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import AuditTime, of_booking, of_topics
from posada.audit.rules.notifications import OUTCOMES
from posada.audit.topic_snapshot import TopicSnapshot
from shared.contracts.topics import SERVICES

OURS = {f"posada/{service}" for service in SERVICES}


@of_booking("one-outcome", "A booking has one outcome on the topic, the one that was decided")
def one_outcome(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Two outcomes were published, or another than booking's."""
    kinds = sorted(set(snapshot.announced or ()))
    if len(kinds) > 1:
        yield f"it was announced as {' and '.join(kinds)}"
    elif kinds and snapshot.booking is None:
        yield f"it was announced as {kinds[0]}, and booking does not know it"
    elif kinds and snapshot.verdict != "open" and kinds[0] != OUTCOMES.get(snapshot.verdict):
        yield f"it was announced as {kinds[0]}, and its saga is {snapshot.verdict}"


@of_booking("outcome-announced", "The outcome of each booking is on the topic")
def outcome_announced(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Decided, and the outcome was never published."""
    if snapshot.announced == () and snapshot.verdict in OUTCOMES and snapshot.settled:
        yield f"its saga is {snapshot.verdict}, and that was never announced"


@of_topics("nothing-set-aside", "No message of our own is set aside", "posada dead show {subject}")
def nothing_set_aside(topics: TopicSnapshot, _: AuditTime) -> Iterable[tuple[object, str]]:
    """A service could not handle what another one sent; what clients send badly, or strangers in our name, breaks no
    promise.
    """
    for letter in topics.dead:
        source = next((value.decode("utf-8", "replace") for name, value in letter.headers if name == "ce_source"), "")
        if letter.verified and source in OURS:
            yield letter.id, f"{letter.service} set aside {letter.type or 'a message'} of {source}: {letter.reason}"
