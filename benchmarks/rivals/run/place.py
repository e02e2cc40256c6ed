"""Where a rival runs: its folder, its databases and its processes, which end in whole groups when it leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import URLError

from benchmarks.rivals.engines import hotel
from benchmarks.rivals.run import ports
from deploy.local.processes.process import Process
from deploy.local.processes.waiting import wait_until

START_TIMEOUT_S: Final = 90.0
STOP_GRACE_S: Final = 5.0
LAST_LINES: Final = 12


@dataclass
class Place:
    """A folder for data and logs, the hotel's database and one for the engine itself."""

    folder: Path
    database_url: str
    engine_url: str
    _processes: list[tuple[int, Process]] = field(default_factory=list)

    def process(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        """Start a program in a process group of its own, with the hotel's address in its environment."""
        variables = {**os.environ, hotel.DATABASE_VARIABLE: self.database_url, "PYTHONUNBUFFERED": "1", **(env or {})}
        # When we are killed it is asked to end, since it has to end what it has started itself.
        process = Process(name, argv, variables, self.folder / f"{name}.log", orphan_signal=signal.SIGTERM)
        process.start()
        if process.pid is not None:
            self._processes.append((process.pid, process))
        return process

    def granian(self, name: str, app: str, port: int, *flags: str, env: Mapping[str, str] | None = None) -> Process:
        """Start the granian web server."""
        options = ("--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "error")
        return self.process(name, [sys.executable, "-m", "granian", *options, *flags, app], env)

    def answering(self, process: Process, url: str, body: Mapping[str, Any] | None = None) -> None:
        """Wait until there is a good answer at the address; raises BackendFailed when there is none."""
        self._wait(process, lambda: _answers(url, body))

    def listening(self, process: Process, port: int) -> None:
        """Wait until somebody listens on the port; raises BackendFailed when nobody does."""
        self._wait(process, lambda: ports.listening(port))

    @staticmethod
    def _wait(process: Process, there: Any) -> None:
        if not wait_until(lambda: not process.alive or there(), START_TIMEOUT_S) or not process.alive:
            raise process.failure("did not answer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as ending:  # whatever becomes of one, the others end
            for group, process in self._processes:
                # What it started may outlive it; the group's number is the leader's.
                ending.callback(_kill_group, group)
                ending.callback(process.stop, STOP_GRACE_S)

    def last_words(self) -> str:
        """How the log of each process ends."""
        return "\n".join(f"{process.name}:\n{process.log_tail(LAST_LINES)}" for _, process in self._processes)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _answers(url: str, body: Mapping[str, Any] | None) -> bool:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})  # noqa: S310 — ours, on loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bool(answer.status < 300)
    except (URLError, OSError):
        return False
