"""Prometheus metrics, by its conventions: counters end in _total, durations are seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("posada_messages_handled", "Messages handled", ["type", "outcome"])
BATCH_SECONDS = Histogram(
    "posada_batch_seconds",
    "From a batch's arrival to its commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_MESSAGES = Histogram("posada_batch_messages", "Messages in a batch", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500))
LOCKED_TURNS = Counter("posada_locked_turns", "Batches that had to be handled under locks after a first look without")
OUTBOX_SENT = Counter("posada_outbox_sent", "Messages sent straight after their commit")
OUTBOX_SWEPT = Counter("posada_outbox_swept", "Messages sent by the sweeper: timers, and what a crash left behind")
SECOND_ATTEMPTS = Counter("posada_second_attempts", "Messages put off after a fault", ["type"])
DEAD_LETTERS = Counter("posada_dead_letters", "Messages set aside for a person", ["type"])
SAGA_ENDED = Counter("posada_saga_ended", "Sagas by verdict", ["saga", "verdict", "reason"])
SAGA_SECONDS = Histogram(
    "posada_saga_outcome_seconds",
    "From a saga's start to its verdict",
    ["saga"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
)
SAGA_ALARMS = Counter("posada_saga_alarms", "Steps after the pivot that keep failing", ["saga", "step"])
ASSIGNED = Gauge("posada_consumer_assigned_partitions", "Partitions that this instance consumes")
PROGRESS = Gauge("posada_consumer_last_progress_timestamp_seconds", "When the consumer last came round")
LAG = Gauge("posada_consumer_lag_messages", "Messages at Kafka that this instance has not fetched", ["topic"])
HELD_BACK = Gauge(
    "posada_consumer_held_back_messages",
    "Messages at Kafka that nobody may read before a transaction of some producer ends",
    ["topic"],
)
READY = Gauge("posada_ready", "1 while this instance is ready: it has partitions and makes progress")
GAUGES_READ = Gauge("posada_gauges_read_timestamp_seconds", "When the gauges were last read from the database")
BUILD = Gauge("posada_build_info", "1, with the service's name and version", ["service", "version"])
HTTP_REQUESTS = Counter("posada_http_requests", "HTTP requests answered", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "posada_http_request_seconds",
    "From an HTTP request to the end of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HTTP_CONNECTIONS = Gauge("posada_http_connections", "HTTP connections that are open")
HTTP_CUT = Counter("posada_http_cut", "HTTP connections that were ended or refused by their bounds", ["reason"])
