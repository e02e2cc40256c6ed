"""What `posada up` does when something that it started ends: it starts it again, or stops all where that is no use."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deploy.local.backend import BACKENDS_VARIABLE
from deploy.local.choice import GivenKafka, GivenPostgres
from deploy.local.processes.process import BackendFailed
from deploy.local.processes.waiting import wait_until
from posada.cluster import supervisor
from posada.cluster.address import find
from posada.cluster.supervisor import Supervisor
from posada.main import run
from shared.contracts.topics import SERVICES

PATIENCE_S = 240.0


class Up:
    """What a stranger does to a running `posada up`, from another thread."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.kafka = data / "kafka" / "kafka.pid"
        self.postgres = data / "postgres" / "postgres.pid"
        self.booking = data / "run" / "booking.pid"

    def wait(self, condition: Callable[[], bool]) -> None:
        assert wait_until(condition, PATIENCE_S)

    def kill(self, file: Path) -> int:
        """End one process, and not what it started."""
        pid = int(json.loads(file.read_text())["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def comes_back(self, file: Path) -> None:
        pid = self.kill(file)
        self.wait(lambda: file.exists() and bool(file.read_text()) and json.loads(file.read_text())["pid"] != pid)
        self.wait(self.all_ready)

    def all_ready(self) -> bool:
        address = find(self.data)
        return address is not None and all(_ready(url) for service in SERVICES for url in address.http[service])

    def strike(self) -> None:
        """Kafka, PostgreSQL and a service come back; then Kafka's data is no folder any more."""
        try:
            self.wait(self.all_ready)
            for file in (self.kafka, self.postgres, self.booking):
                self.comes_back(file)
            (self.data / "kafka" / "log").rename(self.data / "kafka" / "gone")
            (self.data / "kafka" / "log").write_text("no folder")
            self.kill(self.kafka)
        except BaseException:
            os.kill(os.getpid(), signal.SIGTERM)  # or the command would run on
            raise


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.real
def test_what_ends_comes_back_and_a_server_that_does_not_stay_ends_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(BACKENDS_VARIABLE, "embedded")
    monkeypatch.setattr(supervisor, "MOST_STARTS", 1)
    with ThreadPoolExecutor(max_workers=1) as pool:
        striking = pool.submit(Up(tmp_path).strike)
        with pytest.raises(SystemExit) as ended:
            run(["up", "--data", str(tmp_path)])
        striking.result()
    said = capsys.readouterr()
    assert ended.value.code == 4
    assert "was started again 1 times and did not stay" in said.err
    assert str(tmp_path / "kafka" / "kafka.log") in said.err
    for name in ("Kafka", "PostgreSQL", "booking"):
        assert f" {name}" in said.out
        assert "starts again in 1 s" in said.out
    assert not list(tmp_path.glob("run/*.pid"))


def cluster(*services: Any) -> Any:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{nobody.getsockname()[1]}"
    backends = SimpleNamespace(
        kafka=GivenKafka(nowhere), postgres=GivenPostgres(f"postgresql://admin:secret@{nowhere}/x", Path("unused"))
    )
    return SimpleNamespace(backends=backends, services=services)


def test_of_servers_that_are_not_ours_it_is_said_that_they_are_away() -> None:
    one = Supervisor(cluster())
    one.restart_ended()
    assert one.remarks == []
    one.restart_ended(all_ready=False)
    assert ["is not ours to start" in remark for remark in one.remarks] == [True, True]
    assert "secret" not in "".join(one.remarks)


def test_a_service_that_keeps_ending_is_started_ever_more_slowly_and_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    starts: list[float] = []
    dead = SimpleNamespace(alive=False, returncode=1, start=lambda: starts.append(now))
    one = Supervisor(cluster(SimpleNamespace(name="booking", process=dead, log_file=Path("booking.log"))))
    while now < 200:
        one.restart_ended()
        now += 0.5
    gaps = [later - sooner for sooner, later in pairwise(starts)]
    assert gaps[:5] == [2.5, 4.5, 8.5, 16.5, 30.5]
    assert len(one.remarks) == supervisor.SHOWN


def test_a_server_that_cannot_be_started_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    tries: list[float] = []

    def fail() -> None:
        tries.append(now)
        raise BackendFailed("Kafka ended with code 1 before it answered. Its log is x")

    one = Supervisor(cluster())
    kept = supervisor.Supervised(
        "Kafka", lambda: False, fail, lambda: "ended by itself", most_starts=supervisor.MOST_STARTS
    )
    monkeypatch.setattr(one, "_supervised", lambda: iter([kept]))
    with pytest.raises(BackendFailed, match=r"started again 5 times and did not stay.*code 1"):
        while now < 1000:
            one.restart_ended()
            now += 1
    assert len(tries) == supervisor.MOST_STARTS
