"""What Prometheus reads of money that is waited for, and of the feeds that it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Gauge

from shared.gauges import Reading

_LABELS = ("status", "stage")
# Both halves read a small partial index: what is settled is in none of them.
WAITING = Reading(
    """
SELECT 'waiting' AS status, coalesce(stage, 0) AS stage, count(*) AS requests,
       extract(epoch FROM $1 - min(started_at)) AS oldest, extract(epoch FROM $1 - min(next_attempt_at)) AS late
FROM payment_requests WHERE waits GROUP BY stage
UNION ALL
SELECT 'escalated', coalesce(stage, 0), count(*), extract(epoch FROM $1 - min(started_at)),
       extract(epoch FROM $1 - min(next_attempt_at))
FROM payment_requests WHERE status = 'escalated' GROUP BY stage""",
    {
        "requests": Gauge("posada_payment_requests", "Bookings that wait for their money, by stage", _LABELS),
        "oldest": Gauge("posada_payment_request_oldest_seconds", "Since when the oldest of them waits", _LABELS),
        "late": Gauge(
            "posada_payment_request_late_seconds", "How late the next look for money is; below 0 it is to come", _LABELS
        ),
    },
    labels=_LABELS,
)
_FEEDS = """
SELECT source, extract(epoch FROM $1 - synced_at) AS age,
       (failed_at IS NOT NULL AND (synced_at IS NULL OR failed_at > synced_at))::int AS failing
FROM feeds WHERE source = ANY($2::text[])"""
_FEED_GAUGES = {
    "age": Gauge("posada_feed_age_seconds", "Since a feed of money was last read to its end", ["source"]),
    "failing": Gauge("posada_feed_failing", "1 while a feed's latest reading failed", ["source"]),
}
BROKEN = Reading(
    "SELECT count(*) AS lines FROM broken_lines WHERE corrected_at IS NULL AND found_at <= $1",
    {"lines": Gauge("posada_feed_broken_lines", "Lines of bank files that wait for somebody to correct them")},
)


def readings(sources: Iterable[str]) -> tuple[Reading, ...]:
    """All of them; of the feeds these alone: the gauges of one that is no longer configured would never change."""
    return (WAITING, Reading(_FEEDS, _FEED_GAUGES, labels=("source",), given=(list(sources),)), BROKEN)
