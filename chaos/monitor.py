"""Watches a storm second by second: outcomes, what was delivered again, and processes that ended by themselves."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from posada.cluster.cluster import LocalCluster
from posada.cluster.instance import Instance

EVERY_S: Final = 1.0
HANDLED: Final = "posada_messages_handled_total"
COUNTED: Final = {
    "posada_outbox_swept_total": "sent by the sweeper",
    "posada_second_attempts_total": "second attempts",
    "posada_dead_letters_total": "set aside",
    "posada_locked_turns_total": "batches under locks",
    "posada_saga_alarms_total": "saga alarms",
}
REPEATED: Final = "known by the inbox"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the storm began, requests with an outcome, and copies that were ready."""

    at: float
    decided: int
    ready: int


@dataclass
class Monitor:
    """Samples a cluster. What counters lose in a kill since the last look is not counted.

    `decided` says how many requests have an outcome, `is_under_fault` whether a service is meant to be away.
    """

    cluster: LocalCluster
    decided: Callable[[], int]
    is_under_fault: Callable[[str], bool]
    samples: list[Sample] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    ended_alone: list[str] = field(default_factory=list)
    _last: dict[tuple[str, int | None], Counter[str]] = field(default_factory=dict)

    async def watch(self, began: float) -> None:
        """Look once a second, without end."""
        while True:
            await asyncio.sleep(EVERY_S)
            copies = list(self.cluster.services)
            ready = sum(await asyncio.gather(*[asyncio.to_thread(self._look, one) for one in copies]))
            self.samples.append(Sample(time.monotonic() - began, self.decided(), ready))

    def _look(self, one: Instance) -> bool:
        pid = one.process.pid
        if pid is None:
            self._revive(one)
            return False
        try:
            answer = httpx.get(f"{one.url}/metrics", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        now = counted(answer.text)
        before = self._last.get((one.name, pid), Counter())
        self.counts.update({name: max(0, now[name] - before[name]) for name in now})
        self._last[one.name, pid] = now
        return one.trouble() is None

    def _revive(self, one: Instance) -> None:
        """Start what ended by itself, as a supervisor would, and keep its last words."""
        if self.is_under_fault(one.service) or one.process.returncode is None:
            return
        said = one.process.log_tail(3)
        if one.process.alive or self.is_under_fault(one.service):  # it was only just being repaired
            return
        self.ended_alone.append(f"{one.name} ended with code {one.process.returncode}: {said}")
        one.process.start()


def counted(metrics: str) -> Counter[str]:
    """What a copy has counted so far, by our names for it."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == HANDLED and sample.labels.get("outcome") == "repeated":
                found[REPEATED] += int(sample.value)
            elif sample.name == HANDLED:
                found["handled"] += int(sample.value)
            elif sample.name in COUNTED:
                found[COUNTED[sample.name]] += int(sample.value)
    return found
