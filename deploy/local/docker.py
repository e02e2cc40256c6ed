"""Runs Kafka and PostgreSQL as containers, with the same interface as the embedded ones; stopping forgets the data."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from deploy.local.backend import BACKENDS_VARIABLE, KafkaBackend, OwnBackend, Progress, silent
from deploy.local.databases import PostgresBackend, url_for
from deploy.local.kafka.probe import kafka_answers
from deploy.local.kafka.settings import ONE_BROKER
from deploy.local.processes.folders import LOOPBACK, kept_ports
from deploy.local.processes.process import BackendFailed
from deploy.local.processes.waiting import wait_until

KAFKA_IMAGE: Final = ("POSADA_TEST_KAFKA_IMAGE", "confluentinc/cp-kafka:7.9.0")
POSTGRES_IMAGE: Final = ("POSADA_TEST_POSTGRES_IMAGE", "postgres:17-alpine")
KAFKA_PORT: Final = 9093
POSTGRES_PORT: Final = 5432
ADMIN: Final = "postgres"
PING_TIMEOUT_S: Final = 2
START_TIMEOUT_S: Final = 60.0
TAIL_LINES: Final = 20


def docker_answers() -> bool:
    """Whether a Docker daemon answers within two seconds."""
    try:
        return bool(DockerClient(timeout=PING_TIMEOUT_S).client.ping())
    except Exception:  # the client has no common ancestor for what may be wrong with a daemon
        return False


class Runner:
    """Runs one container: killed, it can be started again with its data; stopped, it is gone."""

    def __init__(self, image: str, new_container: Callable[[], DockerContainer], on_progress: Progress) -> None:
        self.image = image
        self._new_container = new_container
        self._on_progress = on_progress
        self._container: DockerContainer | None = None
        self._changing = threading.RLock()  # a stop during a start would lose the container that comes up

    @property
    def container(self) -> DockerContainer:
        """The container; raises RuntimeError while there is none."""
        if self._container is None:
            raise RuntimeError(f"{self.image} has no address before it is started")
        return self._container

    @property
    def address(self) -> str:
        """Where the container's one port is on this machine; Docker is not asked, which says nothing of what is paused.

        Raises RuntimeError before the first start.
        """
        ((host, port),) = self.container.ports.values()  # type: ignore[misc]  # as `on_loopback` has put it
        return f"{host}:{port}"

    def start(self, answers: Callable[[], bool]) -> None:
        """Start the container and wait until `answers()`.

        Raises BackendFailed with the reason otherwise; a container that was there before stays, for its data.
        """
        self._on_progress(f"starting {self.image} in Docker")
        with self._changing:
            fresh = self._container is None
            self._start()
        if not wait_until(answers, START_TIMEOUT_S):
            log = self._log_tail()
            if fresh:
                self.stop()
            raise BackendFailed(f"{self.image} did not answer within {START_TIMEOUT_S:g} s. Its log ends with:\n{log}")

    def stop(self) -> None:
        """End and remove the container."""
        with self._changing:
            if self._container is not None:
                self._container.stop()
                self._container = None

    def _start(self) -> None:
        fresh = self._container is None
        try:
            if self._container is None:
                self._container = self._new_container()
                self._container.start()
            else:
                self._container.get_wrapped_container().start()
        except Exception as error:
            if fresh:
                self.stop()
            hint = f"{BACKENDS_VARIABLE}=embedded does without Docker"
            raise BackendFailed(f"Docker could not run {self.image}: {error}. {hint}") from error

    @property
    def alive(self) -> bool:
        """Whether the container runs, paused or not."""
        if self._container is None:
            return False
        try:
            wrapped = self._container.get_wrapped_container()
            wrapped.reload()
        except Exception:  # somebody removed it, or the daemon is away: see docker_answers
            return False
        return wrapped.status in {"running", "paused"}

    def kill(self) -> None:
        """End the container as a crash would."""
        if self._container is not None:
            self._container.get_wrapped_container().kill()

    def pause(self) -> None:
        """Let everything in the container stand still."""
        self.container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Let it go on."""
        self.container.get_wrapped_container().unpause()

    def _log_tail(self) -> str:
        output, errors = self.container.get_logs()
        return "\n".join((output + errors).decode(errors="replace").splitlines()[-TAIL_LINES:])


class OnThisMachine(DockerContainer):
    """A container whose port is published to this machine alone, and is reached there."""

    def get_container_host_ip(self) -> str:
        """The loopback address, even where testcontainers would take us for a container and name Docker's bridge."""
        return LOOPBACK


class OneServer(OnThisMachine, PostgresContainer):
    """The official image, or one that takes the same settings."""


class OneBroker(OnThisMachine, KafkaContainer):
    """Confluent's image, or one that takes the same settings."""

    def _verify_min_kraft_version(self) -> None:
        """Accept any image: the check compares its tag with Confluent's numbers, and others have their own."""


class DockerBackend(OwnBackend):
    """A server in a container that a runner has."""

    _runner: Runner

    @property
    def alive(self) -> bool:
        return self._runner.alive

    def start(self) -> None:
        self._runner.start(self.answers)

    def stop(self) -> None:
        self._runner.stop()

    def kill(self) -> None:
        self._runner.kill()

    def freeze(self) -> None:
        self._runner.pause()

    def thaw(self) -> None:
        self._runner.resume()


class DockerKafka(DockerBackend, KafkaBackend):
    """Kafka in a container; its host port is kept in `data_dir`, its data only until it is stopped."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], on_progress: Progress = silent) -> None:
        self._folder = data_dir
        self._runner = Runner(environ.get(*KAFKA_IMAGE), self._new_container, on_progress)

    @property
    def name(self) -> str:
        return f"Kafka ({self._runner.image})"

    @property
    def bootstrap(self) -> str:
        return self._runner.address

    def answers(self) -> bool:
        return kafka_answers(self.bootstrap)

    def _new_container(self) -> DockerContainer:
        container = OneBroker(self._runner.image, KAFKA_PORT).with_kraft()
        for key, value in ONE_BROKER.items():
            container.with_env(f"KAFKA_{key.upper().replace('.', '_')}", value)
        return on_loopback(container, KAFKA_PORT, kept_host_port(self._folder, "kafka"))


class DockerPostgres(DockerBackend, PostgresBackend):
    """PostgreSQL in a container; its host port and secret are kept in `data_dir`, its data until it is stopped."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], on_progress: Progress = silent) -> None:
        PostgresBackend.__init__(self, data_dir)
        self._folder = data_dir
        self._runner = Runner(environ.get(*POSTGRES_IMAGE), self._new_container, on_progress)

    @property
    def name(self) -> str:
        return f"PostgreSQL ({self._runner.image})"

    @property
    def admin_url(self) -> str:
        return url_for(f"postgresql://{self._runner.address}/", ADMIN, ADMIN, self._secret.password(ADMIN))

    def answers(self) -> bool:
        return PostgresBackend.answers(self)

    def _new_container(self) -> DockerContainer:
        container = OneServer(
            self._runner.image, POSTGRES_PORT, ADMIN, self._secret.password(ADMIN), ADMIN, driver=None
        )
        # The image's arguments are the server's.
        container.with_command("-c max_connections=200")
        return on_loopback(container, POSTGRES_PORT, kept_host_port(self._folder, "postgres"))


def on_loopback(container: DockerContainer, port: int, host_port: int) -> DockerContainer:
    """Publish the container's port to this machine alone: `with_bind_ports` would to whoever reaches it."""
    container.ports[str(port)] = (LOOPBACK, host_port)  # type: ignore[assignment]  # a pair is docker's own form
    return container


def kept_host_port(folder: Path, name: str) -> int:
    """A port of our choice, as one that Docker chooses changes when a killed container starts again."""
    folder.mkdir(parents=True, exist_ok=True)
    return kept_ports(folder / "ports.json", {name: None})[name]
