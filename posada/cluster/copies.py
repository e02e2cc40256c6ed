"""The running copies of a local cluster's services: made, started, waited for, stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from deploy.local.backend import Progress
from deploy.local.processes.folders import kept_ports
from deploy.local.processes.process import Process, refuse_if_running
from posada.cluster.instance import Instance, copy_name

READY_TIMEOUT_S: Final = 120.0  # five interpreters on two busy cores take their time
STOP_GRACE_S: Final = 15.0
PAUSE_S: Final = 0.1


class Copies:
    """Copies of services in the order of `services`; what they keep lies in `data_dir`.

    `environment_of` gives the environment of a service on a port.
    """

    def __init__(
        self,
        data_dir: Path,
        services: Sequence[str],
        environment_of: Callable[[str, int], Mapping[str, str]],
        on_progress: Progress,
    ) -> None:
        self._data_dir = data_dir
        self._services = services
        self._environment_of = environment_of
        self._on_progress = on_progress
        self._by_name: dict[str, Instance] = {}

    @property
    def all(self) -> list[Instance]:
        """Every copy, in the services' order."""
        return sorted(self._by_name.values(), key=lambda one: (self._services.index(one.service), one.number))

    def of(self, service: str) -> list[Instance]:
        """The copies of a service, in the order of their numbers."""
        return [one for one in self.all if one.service == service]

    def get(self, service: str, number: int = 1) -> Instance:
        """One copy; raises KeyError when there is none."""
        return self._by_name[copy_name(service, number)]

    def start(self, service: str, number: int) -> None:
        """Start a copy, and make it where there is none."""
        name = copy_name(service, number)
        if name not in self._by_name:
            port = self._port(name)
            self._by_name[name] = Instance(service, number, port, self._process(name, service, port))
        self._by_name[name].process.start()

    def stop(self, copies: Iterable[Instance]) -> None:
        """Ask copies to end, all at the same time, and wait for them."""
        several = list(copies)
        with ThreadPoolExecutor(max_workers=max(1, len(several))) as pool:
            for done in [pool.submit(one.process.stop, STOP_GRACE_S) for one in several]:
                done.result()

    def remove(self, one: Instance) -> None:
        """Stop a copy and forget it."""
        one.process.stop(STOP_GRACE_S)
        one.close()
        del self._by_name[one.name]

    def renew(self, service: str) -> None:
        """Stop a service's copies and start them with the environment that is theirs now."""
        copies = self.of(service)
        self.stop(copies)
        for one in copies:
            one.process = self._process(one.name, service, one.port)
            one.process.start()

    def close(self) -> None:
        """Close the connections to all."""
        for one in self.all:
            one.close()

    def wait_until_ready(self, copies: Sequence[Instance] | None = None, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait for these copies, or for all; raises BackendFailed when one ends or `timeout_s` seconds pass."""
        waiting = list(self.all if copies is None else copies)
        deadline = time.monotonic() + timeout_s
        while waiting:
            troubles = {one.name: one.trouble() for one in waiting}
            for one in waiting:
                self._judge(one, troubles[one.name], late=time.monotonic() > deadline, timeout_s=timeout_s)
            waiting = [one for one in waiting if troubles[one.name] is not None]
            if waiting:
                time.sleep(PAUSE_S)

    def _judge(self, one: Instance, trouble: str | None, *, late: bool, timeout_s: float) -> None:
        if trouble is None:
            self._on_progress(f"{one.name} is ready at {one.url}")
        elif not one.process.alive:
            raise one.process.failure(f"ended with code {one.process.returncode} before it was ready")
        elif late:
            raise one.process.failure(f"was not ready within {timeout_s:g} s ({trouble})")

    def _port(self, name: str) -> int:
        """The copy's own port, kept between runs so that bookmarks and scrapers stay right."""
        taken = {one.port for one in self._by_name.values()}
        folder = self._data_dir / "ports"
        folder.mkdir(exist_ok=True)
        while True:
            port = kept_ports(folder / f"{name}.json", {"http": None})["http"]
            if port not in taken:
                return port
            (folder / f"{name}.json").unlink()

    def _process(self, name: str, service: str, port: int) -> Process:
        pid_file = self._data_dir / "run" / f"{name}.pid"
        pid_file.parent.mkdir(exist_ok=True)
        refuse_if_running(name, pid_file)
        return Process(
            name,
            [sys.executable, "-m", "posada.main", "serve", service],
            dict(self._environment_of(service, port)),
            self._data_dir / "logs" / f"{name}.log",
            pid_file=pid_file,
        )
