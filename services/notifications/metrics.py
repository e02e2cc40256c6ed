"""What Prometheus reads of deliveries: the rate of a channel is (sent + stored) / (sent + stored + failed)."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

DELIVERIES = Counter(
    "posada_deliveries", "Attempts by outcome: sent, stored, failed for good, pending again", ["channel", "outcome"]
)
DELIVERY_SECONDS = Histogram(
    "posada_delivery_seconds",
    "A provider's time to answer",
    ["channel"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
