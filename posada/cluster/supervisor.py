"""Keeps what `posada up` started running: starts again what ended by itself, and gives up where that is of no use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.backend import Backend, KafkaBackend, OwnBackend
from deploy.local.databases import PostgresBackend
from deploy.local.processes.process import BackendFailed
from posada.cluster.cluster import LocalCluster
from posada.cluster.instance import Instance

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
# So often in a row a server is started again; a service for ever, as the others do without it.
MOST_STARTS: Final = 5
LOOK_EVERY_S: Final = 15.0
SHOWN: Final = 5


@dataclass(frozen=True)
class Supervised:
    """A program that should run: whether it does, why it does not, and how to start it again."""

    name: str
    alive: Callable[[], bool]
    start: Callable[[], None]
    why: Callable[[], str]
    log: Path | None = None
    most_starts: int | None = None


class Supervisor:
    """Starts again what ended by itself, more and more slowly while it keeps ending; `remarks` are the latest."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._addresses = {one.name: _address(one) for one in self._backends()}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}
        self._next_look = 0.0
        self._away: set[str] = set()
        self.remarks: list[str] = []

    def restart_ended(self, *, all_ready: bool = True) -> None:
        """Start what is due to be started; where not all are ready, ask servers that are not ours whether they answer.

        Raises:
            BackendFailed: when Kafka or PostgreSQL ended again each time.
        """
        for one in self._supervised():
            if one.alive():
                continue
            if one.name not in self._due:
                self._postpone(one, one.why())
            elif time.monotonic() >= self._due[one.name]:
                self._start(one)
        if not all_ready and time.monotonic() >= self._next_look:
            self._probe_given_backends()

    def _supervised(self) -> Iterator[Supervised]:
        for backend in self._backends():
            if isinstance(backend, OwnBackend):
                yield _server(backend, self._addresses[backend.name])
        for one in self._cluster.services:
            yield _copy(one)

    def _backends(self) -> tuple[KafkaBackend, PostgresBackend]:
        return self._cluster.backends.kafka, self._cluster.backends.postgres

    def _start(self, one: Supervised) -> None:
        del self._due[one.name]
        self._started[one.name] = time.monotonic()
        try:
            one.start()
        except BackendFailed as failure:
            self._postpone(one, str(failure).partition("\n")[0])

    def _postpone(self, one: Supervised, why: str) -> None:
        now = time.monotonic()
        steady = now - self._started.get(one.name, float("-inf")) > STEADY_S
        self._in_a_row[one.name] = 1 if steady else self._in_a_row[one.name] + 1
        see = f"; see {one.log}" if one.log else ""
        if one.most_starts is not None and self._in_a_row[one.name] > one.most_starts:
            times = f"{one.most_starts} times"
            raise BackendFailed(
                f"{one.name} was started again {times} and did not stay, so everything stops: {why}{see}"
            )
        pause = FIRST_PAUSE_S if steady else min(self._pauses[one.name] * 2, LONGEST_PAUSE_S)
        self._pauses[one.name] = pause
        self._due[one.name] = now + pause
        self._remark(f"{one.name}: {why}, starts again in {pause:g} s{see}")

    def _probe_given_backends(self) -> None:
        for backend in self._backends():
            if isinstance(backend, OwnBackend):
                continue
            if backend.answers():
                self._away.discard(backend.name)
            elif backend.name not in self._away:
                self._away.add(backend.name)
                self._remark(f"{backend.name} does not answer, and is not ours to start: the services wait for it")
        self._next_look = time.monotonic() + LOOK_EVERY_S

    def _remark(self, text: str) -> None:
        self.remarks = [*self.remarks[1 - SHOWN :], f"{time.strftime('%H:%M:%S')} {text}"]


def _server(backend: OwnBackend, address: str) -> Supervised:
    return Supervised(
        backend.name,
        alive=lambda: backend.alive,
        start=lambda: _start_where_it_was(backend, address),
        why=lambda: "ended by itself",
        log=getattr(backend, "log_file", None),  # a container has its own
        most_starts=MOST_STARTS,
    )


def _start_where_it_was(backend: OwnBackend, address: str) -> None:
    backend.start()
    if _address(backend) != address:
        backend.stop()
        raise BackendFailed("its port is another program's now, and the services know it there")


def _address(backend: Backend) -> str:
    if isinstance(backend, KafkaBackend):
        return backend.bootstrap
    return backend.admin_url if isinstance(backend, PostgresBackend) else ""


def _copy(one: Instance) -> Supervised:
    return Supervised(
        one.name,
        alive=lambda: one.process.alive,
        start=one.process.start,
        why=lambda: f"ended with code {one.process.returncode}",
        log=one.log_file,
    )
