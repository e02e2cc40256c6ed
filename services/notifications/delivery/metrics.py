"""What Prometheus reads of deliveries."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "posada_deliveries", "Attempts by outcome: sent, stored, failed for good, pending again", ["channel", "outcome"]
)
DELIVERY_SECONDS = Histogram(
    "posada_delivery_seconds",
    "A provider's time to answer",
    ["channel"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
DELIVERY_RATE = Gauge(
    "posada_delivery_rate", "Share of a channel's messages within the window that were not lost, 0 to 1", ["channel"]
)
AWAY = Gauge("posada_provider_away", "1 while a channel's provider fails again and again", ["channel"])
REPORTS = Counter("posada_delivery_reports", "What providers reported of messages", ["provider", "fate"])
REPORTS_REFUSED = Counter("posada_delivery_reports_refused", "Reports that were not let in", ["provider", "reason"])
