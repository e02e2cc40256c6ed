"""Gauges that are read from a service's database periodically, so that a scrape costs the database nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Gauge

from shared.clock import Clock, system_clock
from shared.database.pool import UNAVAILABLE, Database
from shared.errors import described
from shared.observability.metrics import GAUGES_READ
from shared.outbox.publisher import OutboxPublisher

log = structlog.get_logger(__name__)

COUNTED = 100_000  # rows that are counted at most: counting more would be expensive


@dataclass(frozen=True, slots=True)
class Reading:
    """A cheap query and the gauges that its columns set. Its $1 is the present time, further parameters are `given`.

    `labels` are columns too; a combination that the query no longer returns is removed. Without labels the query
    returns one row. NULL counts as 0.
    """

    query: str
    gauges: Mapping[str, Gauge]
    labels: tuple[str, ...] = field(default=())
    given: tuple[Any, ...] = field(default=())

    def show(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the gauges from the rows."""
        for column, gauge in self.gauges.items():
            if self.labels:
                gauge.clear()
            for row in rows:
                shown = gauge.labels(*(str(row[label]) for label in self.labels)) if self.labels else gauge
                shown.set(float(row[column] or 0))


OUTBOX = Reading(
    f"""
SELECT count(*) AS rows, count(*) FILTER (WHERE due_at <= $1) AS due,
       extract(epoch FROM $1 - least((SELECT min(due_at) FROM outbox WHERE due_at <= $1),
                                     (SELECT min(due_at) FROM outbox_batches WHERE due_at <= $1))) AS oldest
FROM ((SELECT due_at FROM outbox ORDER BY due_at LIMIT {COUNTED}) UNION ALL
      (SELECT due_at FROM outbox_batches ORDER BY due_at LIMIT {COUNTED})) AS o""",  # noqa: S608 — a number of ours
    {
        "rows": Gauge("posada_outbox_rows", "Rows and batches of the outbox, timers that are not yet due included"),
        "due": Gauge("posada_outbox_due_rows", "Rows and batches of the outbox that are due and were not sent"),
        "oldest": Gauge("posada_outbox_oldest_due_seconds", "How long the outbox's oldest due row has been due"),
    },
)
# A phase after the decision begins with the decision. `updated_at` does not fit: every repeated step sets it.
SAGAS = Reading(
    """
SELECT name, phase, count(*) AS running,
       extract(epoch FROM $1 - min(CASE phase WHEN 'running' THEN started_at
                                   ELSE coalesce((progress ->> 'decided_at')::timestamptz, started_at) END)) AS oldest,
       count(*) FILTER (WHERE wake_at < $1) AS overdue
FROM sagas WHERE phase <> 'ended' GROUP BY name, phase""",
    {
        "running": Gauge("posada_sagas", "Sagas that have not ended, by phase", ["saga", "phase"]),
        "oldest": Gauge("posada_saga_oldest_seconds", "How long the first saga of a phase is in it", ["saga", "phase"]),
        "overdue": Gauge("posada_sagas_overdue", "Sagas whose time to be woken has passed", ["saga", "phase"]),
    },
    labels=("name", "phase"),
)


async def read(database: Database, readings: Sequence[Reading], clock: Clock = system_clock) -> None:
    """Read everything once."""
    async with database.connection() as connection:
        for reading in readings:
            reading.show(await connection.fetch(reading.query, clock(), *reading.given))
    GAUGES_READ.set(time.time())


def reading(
    database: Database, readings: Sequence[Reading], clock: Clock, *, seconds: float
) -> Callable[[OutboxPublisher], Awaitable[None]]:
    """A background loop that reads every `seconds`; while the database is away the gauges keep their values."""

    async def loop(_: OutboxPublisher) -> None:
        while True:
            try:
                await read(database, readings, clock)
            except UNAVAILABLE as outage:
                log.warning("gauges.not_read", outage=described(outage))
            await asyncio.sleep(seconds)

    return loop
