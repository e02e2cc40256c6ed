"""A local cluster: Kafka, PostgreSQL and every service as processes of this machine, started and stopped together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

from deploy.local.backend import Progress, silent
from deploy.local.choice import Backends, choose_backends
from deploy.local.processes.process import BackendFailed
from deploy.local.processes.waiting import run_apart
from posada.cluster.address import Address, check_ours, forget, write_targets
from posada.cluster.clock import ClusterClock
from posada.cluster.copies import READY_TIMEOUT_S, Copies
from posada.cluster.environment import ServiceEnvironment, Variables, without_outside
from posada.cluster.instance import Instance
from posada.cluster.secrets import ClusterSecrets
from shared.contracts.topics import ALL_TOPICS, SERVICES
from shared.kafka.topic_admin import bound_messages, create_topics
from shared.kafka.topics import Topic

TOPICS_TIMEOUT_S: Final = 60.0


class LocalCluster:
    """All of Posada on one machine; as a context manager it runs inside the block. It prints nothing.

    `data_dir` keeps ports, logs and, where Kafka and PostgreSQL are our own, their data between runs. Backends that
    are given run already and are left running; else they are chosen by the environment. `scale` gives the number of
    copies of a service (unnamed: 1), `env` every service's variables beside its addresses (None takes a variable
    away), `service_env` the same for single services. `database_prefix` stands before the names of databases and
    roles. With `keeping_data` our own backends keep their data when they stop. `kafka_heap_mb` (MiB) and
    `kafka_full_jit` concern our own embedded broker; `choose` takes the place of `choose_backends`.
    Only with `calls_outside` do services get the providers, feeds and other systems that the environment names.
    With `movable_clock` the services' business time is that of `clock`, which may be moved while they run.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        backends: Backends | None = None,
        services: Sequence[str] = SERVICES,
        scale: Mapping[str, int] | None = None,
        env: Variables | None = None,
        service_env: Mapping[str, Variables] | None = None,
        database_prefix: str = "",
        topics: Sequence[Topic] = ALL_TOPICS,
        environ: Mapping[str, str] | None = None,
        on_progress: Progress = silent,
        keeping_data: bool = False,
        kafka_heap_mb: int = 256,
        kafka_full_jit: bool = False,
        choose: Callable[..., Backends] = choose_backends,
        movable_clock: bool = False,
        calls_outside: bool = False,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self._environ = dict(os.environ if environ is None else environ)
        self._on_progress = on_progress
        self._given = backends
        self._backends = backends
        self._choose_backends = choose
        self._choice = {
            "keeping_data": keeping_data,
            "kafka_heap_mb": kafka_heap_mb,
            "kafka_full_jit": kafka_full_jit,
        }
        self._names = tuple(services)
        self._scale = dict(scale or {})
        self._prefix = database_prefix
        self._topics = topics
        self._urls: dict[str, str] = {}
        self._secrets: ClusterSecrets | None = None
        self._clock: ClusterClock | None = None
        self._movable_clock = movable_clock
        theirs = self._environ if calls_outside else without_outside(self._environ)
        self._environment = ServiceEnvironment(theirs, env or {}, service_env or {})
        self._copies = Copies(self.data_dir, self._names, self._environment_of, on_progress)

    # Addresses and secrets.

    @property
    def backends(self) -> Backends:
        """Kafka and PostgreSQL; raises RuntimeError before the start."""
        if self._backends is None:
            raise RuntimeError("the cluster has no Kafka and PostgreSQL before it is started")
        return self._backends

    @property
    def secrets(self) -> ClusterSecrets:
        """What records are signed with; kept in the folder. Raises OSError where that cannot be written."""
        if self._secrets is None:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._secrets = ClusterSecrets.kept(self.data_dir, self._environ)
        return self._secrets

    @property
    def clock(self) -> ClusterClock:
        """The business clock of the services; raises RuntimeError where they follow real time."""
        if not self._movable_clock:
            raise RuntimeError("this cluster follows real time: start it with movable_clock")
        if self._clock is None:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._clock = ClusterClock(self.data_dir)
        return self._clock

    @property
    def services(self) -> list[Instance]:
        """Every copy of every service, in the services' order."""
        return self._copies.all

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address, as host:port; known once started."""
        return self.backends.kafka_bootstrap

    def instance(self, service: str, number: int = 1) -> Instance:
        """One copy of a service; raises KeyError when there is none."""
        return self._copies.get(service, number)

    def http(self, service: str, number: int = 1) -> str:
        """The address of a service's HTTP API, such as http://127.0.0.1:21234."""
        return self.instance(service, number).url

    def database_url(self, service: str) -> str:
        """The address of a service's database for its own role, as a postgresql:// URL."""
        return self._urls[service]

    def addresses(self, service: str) -> dict[str, str]:
        """Where a service finds Kafka and its database, as variables; a proxy in between changes them."""
        return {"POSADA_KAFKA_BOOTSTRAP": self.kafka_bootstrap, "POSADA_DATABASE_URL": self.database_url(service)}

    # Start and stop.

    def start(self, ready_timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start everything and return when every service is ready.

        Whatever goes wrong, an interruption included, stops what was started.

        Raises:
            BackendFailed: when a server or a service does not come up; the message ends with its log.
            AlreadyRunning: when another process works on the same folder.
            ValueError: when the environment contradicts itself.
        """
        try:
            self.start_backends()
            self.prepare()
            self.start_services(ready_timeout_s)
        except BaseException:
            self.stop()
            raise

    def start_backends(self) -> None:
        """Start Kafka and PostgreSQL, unless they were given."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        check_ours(self.data_dir)
        if self._given is None:
            self._backends = self._choose_backends(self.data_dir, self._environ, self._on_progress, **self._choice)
            # Imports Alembic while we wait for Java.
            Thread(target=import_module, args=("posada.cluster.migration",), daemon=True).start()
            self._backends.start()
        self._on_progress(f"running on {self.backends.describe()}")

    def prepare(self) -> None:
        """Make databases, schemas, seed data and topics; what is there stays as it is."""
        self.backends.prepare_databases(self._names, self._prefix)
        self._urls = {service: self.backends.database_url(service) for service in self._names}
        with ThreadPoolExecutor(max_workers=1) as pool:  # a thread has no event loop, whoever calls us may
            topics = pool.submit(lambda: run_apart(self._create_topics, TOPICS_TIMEOUT_S))
            self._migrate()
            topics.result()

    def start_services(self, ready_timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start every copy of every service and wait until all are ready."""
        self._on_progress("starting the services")
        for service in self._names:
            for number in range(1, self._scale.get(service, 1) + 1):
                self._copies.start(service, number)
        self._copies.wait_until_ready(timeout_s=ready_timeout_s)
        self._write_address()

    def stop(self) -> None:
        """Stop every service, then Kafka and PostgreSQL where they are our own; does nothing where nothing runs."""
        forget(self.data_dir)
        try:
            self._copies.stop(self.services)
        finally:
            self._copies.close()
            if self._given is None and self._backends is not None:
                self._backends.stop()

    def drop_databases(self) -> None:
        """Remove this cluster's databases and roles, for tests on a server that goes on; stop the services first."""
        self.backends.postgres.drop_databases([f"{self._prefix}{service}" for service in self._urls])

    # One service or copy at a time.

    def kill(self, service: str, number: int = 1) -> None:
        """End a copy at once, as a crash would (SIGKILL)."""
        self.instance(service, number).process.kill()

    def stop_service(self, service: str, number: int = 1) -> None:
        """Ask a copy to end and wait for it."""
        self._copies.stop([self.instance(service, number)])

    def start_service(self, service: str, number: int = 1) -> None:
        """Start a copy that ended, on its old port, and wait until it is ready."""
        self.instance(service, number).process.start()
        self.wait_until_ready(copies=[self.instance(service, number)])

    def restart(self, service: str, number: int = 1) -> None:
        """Stop a copy if it runs, start it again and wait until it is ready."""
        self.stop_service(service, number)
        self.start_service(service, number)

    def configure(self, service: str, settings: Variables) -> None:
        """Restart every copy of a service with these variables in place of its own former ones.

        They stay so until it is configured again. Ends when all are ready.
        """
        self._environment.configure(service, settings)
        self._copies.renew(service)
        self.wait_until_ready(copies=self._copies.of(service))

    def scale(self, service: str, copies: int) -> None:
        """Run so many copies of a service: start what is missing and wait for it, stop what is too much."""
        running = self._copies.of(service)
        for one in running[copies:]:
            self._copies.remove(one)
        for number in range(len(running) + 1, copies + 1):
            self._copies.start(service, number)
        self._scale[service] = copies
        self.wait_until_ready(copies=self._copies.of(service))
        self._write_address()

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S, copies: Sequence[Instance] | None = None) -> None:
        """Wait for these copies, or for all; raises BackendFailed when one ends or `timeout_s` seconds pass."""
        self._copies.wait_until_ready(copies, timeout_s)

    def _environment_of(self, service: str, port: int) -> dict[str, str]:
        clock = self.clock.environment if self._movable_clock else {}
        return self._environment.of(service, {**clock, **self.addresses(service)}, port, self.secrets.environment)

    def _migrate(self) -> None:
        from posada.cluster.migration import migrate  # noqa: PLC0415  # Alembic and SQLAlchemy: half a second, needed only here

        with ThreadPoolExecutor(max_workers=1) as pool:
            for service in self._names:
                self._on_progress(f"preparing the database of {service}")
                pool.submit(migrate, service, self.backends.owner_url(service)).result()

    async def _create_topics(self) -> None:
        made = await create_topics(self.kafka_bootstrap, self._topics)
        await bound_messages(self.kafka_bootstrap, [topic for topic in self._topics if topic.name not in made])
        if made:
            self._on_progress(f"created {len(made)} topics")

    def _write_address(self) -> None:
        http: dict[str, list[str]] = {}
        for one in self.services:
            http.setdefault(one.service, []).append(one.url)
        Address(
            pid=os.getpid(),
            kafka_bootstrap=self.kafka_bootstrap,
            http=http,
            database_urls=self._urls,
            kafka_secrets=self.secrets.installation,
            clock_file=self.clock.file if self._movable_clock else None,
        ).write(self.data_dir)
        write_targets(self.data_dir, http)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


__all__ = ["BackendFailed", "LocalCluster"]
