"""What Prometheus reads of replies to be sent and of work on threads."""

from __future__ import annotations

from prometheus_client import Gauge

from shared.gauges import Reading

REPLIES = Reading(
    """
SELECT channel, count(*) AS replies, extract(epoch FROM $1 - min(due_at) FILTER (WHERE due_at <= $1)) AS oldest
FROM replies WHERE due_at IS NOT NULL GROUP BY channel""",
    {
        "replies": Gauge("posada_replies_waiting", "Replies of staff that were not sent yet", ["channel"]),
        "oldest": Gauge("posada_replies_oldest_due_seconds", "How long the oldest of them has been due", ["channel"]),
    },
    labels=("channel",),
)
ERRANDS = Reading(
    """
SELECT count(*) AS errands, extract(epoch FROM $1 - min(errand_due_at) FILTER (WHERE errand_due_at <= $1)) AS oldest
FROM threads WHERE errand_due_at IS NOT NULL""",
    {
        "errands": Gauge("posada_thread_errands", "Threads that are still to be made at the provider"),
        "oldest": Gauge("posada_thread_errands_oldest_due_seconds", "How long the oldest of them has been due"),
    },
)
GAUGES = (REPLIES, ERRANDS)
