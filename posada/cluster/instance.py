"""One running copy of a service: its process, its port, and what it says of itself over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.processes.folders import LOOPBACK
from deploy.local.processes.process import Process

ANSWER_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a copy is doing: `trouble` is None when it is ready; counts are since its start."""

    pid: int | None
    trouble: str | None
    handled: int = 0
    dead_letters: int = 0
    partitions: int = 0

    @property
    def ready(self) -> bool:
        """Whether it has partitions and makes progress."""
        return self.trouble is None


@dataclass
class Instance:
    """One copy of a service; `number` counts the copies from 1."""

    service: str
    number: int
    port: int
    process: Process
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Our own machine needs no proxy, whatever the environment says.
        self._client = httpx.Client(base_url=self.url, timeout=ANSWER_TIMEOUT_S, trust_env=False)

    @property
    def name(self) -> str:
        """The copy's name, such as booking or booking-2."""
        return copy_name(self.service, self.number)

    @property
    def url(self) -> str:
        """Where its HTTP API is."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where it writes its log."""
        return self.process.log_file

    def trouble(self) -> str | None:
        """Why it is not ready; None when it is."""
        if not self.process.alive:
            return "not running" if self.process.returncode is None else f"ended with code {self.process.returncode}"
        try:
            answer = self._client.get("/health/ready")
        except httpx.HTTPError:
            return "does not answer yet"
        return None if answer.is_success else str(_reason(answer))

    def health(self) -> Health:
        """Its state and counts now."""
        trouble = self.trouble()
        try:
            counts = counts_of(self._client.get("/metrics").text) if self.process.alive else {}
        except httpx.HTTPError:
            counts = {}
        return Health(
            self.process.pid,
            trouble,
            handled=int(counts.get("posada_messages_handled_total", 0)),
            dead_letters=int(counts.get("posada_dead_letters_total", 0)),
            partitions=int(counts.get("posada_consumer_assigned_partitions", 0)),
        )

    def close(self) -> None:
        """Let go of the connections to it."""
        self._client.close()


def copy_name(service: str, number: int) -> str:
    """The name of a service's copy: the first is called like the service."""
    return service if number == 1 else f"{service}-{number}"


def counts_of(metrics: str) -> Mapping[str, float]:
    """Each metric's sum over its labels, from Prometheus' text format."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def _reason(answer: httpx.Response) -> object:
    try:
        return answer.json()["reason"]
    except (ValueError, KeyError, TypeError):
        return f"answers {answer.status_code}"
