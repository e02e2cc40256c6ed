"""The system of deploy/compose.yaml under a name of its own, as a test starts, disturbs and reads it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from deploy.local.processes.folders import PORTS, is_free
from posada.cluster.secrets import ClusterSecrets
from tests.support.paths import ROOT

FILES: Final = (ROOT / "deploy" / "compose.yaml", ROOT / "tests" / "deploy" / "compose.test.yaml")
# What compose.yaml takes where the environment names nothing else.
IMAGES: Final = {
    "KAFKA_IMAGE": "apache/kafka:4.1.1",
    "POSTGRES_IMAGE": "postgres:17-bookworm",
    "PYTHON_IMAGE": "python:3.11-slim-bookworm",
}
KAFKA_PORTS: Final = ("KAFKA_PORT", "KAFKA_PORT_2", "KAFKA_PORT_3")
START_S: Final = 300
BUILD_S: Final = 900


def run(*words: str, timeout_s: float = 60, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it says."""
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=timeout_s, env=dict(env or os.environ)
    )


def why_not() -> str | None:
    """What is missing here to run containers; None when nothing is."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        if run("docker", "info", timeout_s=10).returncode:
            return "no Docker daemon answers"
    except subprocess.TimeoutExpired:
        return "no Docker daemon answers within 10 s"
    if run("docker", "compose", "version").returncode:
        return "docker has no compose plugin"
    for variable, usual in IMAGES.items():
        image = os.environ.get(variable, usual)
        there = run("docker", "image", "inspect", image).returncode == 0
        if not there and run("docker", "pull", "--quiet", image, timeout_s=BUILD_S).returncode:
            return f"the image {image} is not here and cannot be pulled: name another in {variable}"
    return None


def demand_containers() -> None:
    """Skip the test where containers cannot be run, or fail it where POSADA_CONTAINERS=required asks for them."""
    if missing := why_not():
        if os.environ.get("POSADA_CONTAINERS") == "required":
            pytest.fail(missing)
        pytest.skip(missing)


class Composed:
    """Kafka, PostgreSQL and the five services in containers; like a cluster it tells where its parts are."""

    def __init__(self, folder: Path, settings: Mapping[str, str], env_files: Sequence[Path] = ()) -> None:
        self.project = f"posada-test-{uuid4().hex[:8]}"
        self._env_files = env_files
        self._kafka_ports = [free_port() for _ in KAFKA_PORTS]
        self._secrets = folder / ".env"
        run("sh", str(ROOT / "deploy" / "secrets.sh"), str(self._secrets))
        self.environment = {
            **os.environ,
            "POSADA_IMAGE": os.environ.get("POSADA_IMAGE", "posada:test"),
            **dict(zip(KAFKA_PORTS, map(str, self._kafka_ports), strict=True)),
            "POSADA_OTLP_ENDPOINT": "",
            **settings,
        }

    @property
    def secrets(self) -> ClusterSecrets:
        """What records are signed with."""
        lines = self._secrets.read_text(encoding="utf-8").splitlines()
        told = dict(line.split("=", 1) for line in lines if line.startswith("POSADA_"))
        return ClusterSecrets({name: value.strip("'") for name, value in told.items()})

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's addresses from this machine, of all brokers that there may be."""
        return ",".join(f"127.0.0.1:{port}" for port in self._kafka_ports)

    def database_url(self, service: str) -> str:
        """A service's database from this machine, for its own role."""
        secrets = dict(line.split("=", 1) for line in self._secrets.read_text(encoding="utf-8").splitlines())
        password = secrets[f"{service.upper()}_PASSWORD"]
        return f"postgresql://{service}:{password}@{self.address('postgres', 5432)}/{service}"

    def address(self, service: str, port: int, number: int = 1) -> str:
        """Where a copy's port is on this machine, host:port."""
        return self.compose("port", "--index", str(number), service, str(port)).strip()

    def build(self) -> None:
        """Build the image, unless the environment names one that is built already."""
        if "POSADA_IMAGE" not in os.environ:
            self.compose("build", "migrate", timeout_s=BUILD_S)

    def up(self, *words: str) -> None:
        """Start these services with what they need, and wait until they are ready."""
        self.compose("up", "--detach", "--wait", "--no-build", *words, timeout_s=START_S)

    def copies(self, service: str) -> list[dict[str, Any]]:
        """What Docker knows of every copy of a service that there is, running or not."""
        ids = self.compose("ps", "--all", "--quiet", service).split()
        return list(json.loads(run("docker", "inspect", *ids).stdout))

    def compose(self, *words: str, timeout_s: float = 120, env: Mapping[str, str] | None = None) -> str:
        """Run docker compose and return what it prints; raises AssertionError with its complaint when it fails."""
        files = [word for file in FILES for word in ("--file", str(file))]
        env_files = [word for file in (self._secrets, *self._env_files) for word in ("--env-file", str(file))]
        told = run(
            *("docker", "compose", "--project-name", self.project, *env_files, *files, *words),
            timeout_s=timeout_s,
            env={**self.environment, **(env or {})},
        )
        assert told.returncode == 0, f"{' '.join(words)}: {told.stderr}\n{told.stdout}"
        return told.stdout

    def log(self) -> str:
        """How the containers' logs end."""
        return self.compose("logs", "--tail", "20")

    def down(self) -> None:
        """Remove everything, data too."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")


def free_port() -> int:
    """A port of the loopback address that nobody uses now, and that no outgoing connection is given."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
