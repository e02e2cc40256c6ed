"""What Prometheus reads of messages that are to be sent."""

from __future__ import annotations

from prometheus_client import Gauge

from shared.gauges import Reading

# The index of what is pending forgets what is done.
PENDING = Reading(
    """
SELECT channel, count(*) AS pending, count(*) FILTER (WHERE due_at <= $1) AS due,
       extract(epoch FROM $1 - min(due_at) FILTER (WHERE due_at <= $1)) AS oldest
FROM deliveries WHERE status = 'pending' GROUP BY channel""",
    {
        "pending": Gauge("posada_deliveries_pending", "Messages to be sent, those for later included", ["channel"]),
        "due": Gauge("posada_deliveries_due", "Messages whose time has come and that were not sent", ["channel"]),
        "oldest": Gauge(
            "posada_deliveries_oldest_due_seconds", "How long the oldest of those has been due", ["channel"]
        ),
    },
    labels=("channel",),
)
GAUGES = (PENDING,)
