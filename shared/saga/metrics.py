"""Metrics and log lines about sagas, counted once their batch is committed."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import structlog

from shared.commit_hooks import on_commit
from shared.observability import metrics
from shared.saga.engine import Transition
from shared.saga.state import Verdict

log = structlog.get_logger(__name__)


def count_verdict(name: str, transition: Transition[Any], started_at: datetime, now: datetime) -> None:
    """Count a saga that has its verdict, and how long that took; nothing for one that is open."""
    progress = transition.progress
    if progress.verdict is Verdict.OPEN:
        return
    on_commit(metrics.SAGA_ENDED.labels(name, progress.verdict, progress.reason).inc)
    on_commit(partial(metrics.SAGA_SECONDS.labels(name).observe, (now - started_at).total_seconds()))


def raise_alarms(name: str, transition: Transition[Any]) -> None:
    """Count and log the steps that keep failing."""
    for step in transition.alarm:
        on_commit(metrics.SAGA_ALARMS.labels(name, step).inc)
        on_commit(partial(log.error, "saga.step_keeps_failing", step=step, attempt=transition.progress.attempt))
