"""Metrics and log lines about the messages that a service handles."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from shared.messages.inbound import InboundMessage
from shared.observability import metrics

log = structlog.get_logger(__name__)

Outcome = tuple[InboundMessage, str]  # "handled", or the code of its refusal


@contextmanager
def measured(batch: Sequence[InboundMessage]) -> Iterator[None]:
    """Note how long a batch took, and how large it was."""
    began = time.perf_counter()
    yield
    metrics.BATCH_SECONDS.observe(time.perf_counter() - began)
    metrics.BATCH_MESSAGES.observe(len(batch))


def count_handled(outcomes: Sequence[Outcome]) -> None:
    """Count what became of a batch, type by type, with a log line for each message."""
    counts = Counter((inbound.envelope.type, outcome) for inbound, outcome in outcomes)
    for (type_name, outcome), number in counts.items():
        metrics.HANDLED.labels(type_name, outcome).inc(number)
    if log.is_enabled_for(logging.INFO):
        for inbound, outcome in outcomes:
            with inbound.log_context():
                log.info("handled", type=inbound.envelope.type, outcome=outcome)
