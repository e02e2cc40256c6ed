"""What operators are told of a saga: how it ended and how long it took, and steps that keep failing."""

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


def tell_end(name: str, turn: Transition[Any], started_at: datetime, now: datetime) -> None:
    """Count a saga that has its verdict; nothing for one that is open."""
    progress = turn.progress
    if progress.verdict is Verdict.OPEN:
        return
    on_commit(metrics.SAGA_ENDED.labels(name, progress.verdict, progress.reason).inc)
    on_commit(partial(metrics.SAGA_SECONDS.labels(name).observe, (now - started_at).total_seconds()))


def tell_alarms(name: str, turn: Transition[Any]) -> None:
    """Raise the alarm for steps behind the pivot that keep failing."""
    for step in turn.alarm:
        on_commit(metrics.SAGA_ALARMS.labels(name, step).inc)
        on_commit(partial(log.error, "saga.step_keeps_failing", step=step, attempt=turn.progress.attempt))
