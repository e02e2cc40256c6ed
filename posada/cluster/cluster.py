"""The town: Kafka, PostgreSQL and every service as processes of this machine, started, watched and stopped together."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

from deploy.local.backend import Progress, silent
from deploy.local.choice import POSTGRES_VARIABLE, Backends, choose_backends
from deploy.local.processes.folders import kept_ports
from deploy.local.processes.process import BackendFailed, Process, refuse_if_running
from deploy.local.processes.waiting import run_apart
from posada.cluster.address import Address, check_ours, forget, write_targets
from posada.cluster.instance import Instance, copy_name
from posada.cluster.secrets import ClusterSecrets
from shared.contracts.topics import ALL_TOPICS, SERVICES
from shared.kafka.topic_admin import bound_messages, create_topics
from shared.kafka.topics import Topic

READY_TIMEOUT_S: Final = 120.0  # five interpreters on two busy cores take their time
TOPICS_TIMEOUT_S: Final = 60.0
STOP_GRACE_S: Final = 15.0
PAUSE_S: Final = 0.1
# Ours alone: a service must not see the administrator's password, nor another service's address.
_OWN_DATABASES: Final = tuple(f"POSADA_{service.upper()}_DATABASE_URL" for service in SERVICES)
_WITHHELD: Final = (POSTGRES_VARIABLE, "POSADA_PARTS", *_OWN_DATABASES)


class LocalCluster:
    """All of Posada on one machine; as a context manager it runs inside the block. It prints nothing.

    `data_dir` keeps ports, logs and, where the parts are our own, their data between runs. Parts that are given run
    already and are left running; else they are chosen by the environment. `scale` gives the number of copies of a
    service (1 where it is silent), `env` what every service is told beyond its addresses (None takes a variable
    away), `service_env` the same for single services. `database_prefix` stands before the names of databases and
    roles. With `keeping_data` parts of our own are ones whose data outlives them. `kafka_heap_mb` (MiB) and
    `kafka_full_jit` concern an embedded broker of our own; `choose` takes the place of `choose_parts`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        parts: Backends | None = None,
        services: Sequence[str] = SERVICES,
        scale: Mapping[str, int] | None = None,
        env: Mapping[str, str | None] | None = None,
        service_env: Mapping[str, Mapping[str, str | None]] | None = None,
        database_prefix: str = "",
        topics: Sequence[Topic] = ALL_TOPICS,
        environ: Mapping[str, str] | None = None,
        on_progress: Progress = silent,
        keeping_data: bool = False,
        kafka_heap_mb: int = 256,
        kafka_full_jit: bool = False,
        choose: Callable[..., Backends] = choose_backends,
    ) -> None:
        self._choose_parts = choose
        self.data_dir = data_dir.resolve()
        self._environ = dict(os.environ if environ is None else environ)
        self._on_progress = on_progress
        self._owns_parts = parts is None
        self._given_parts = parts
        self._parts: Backends | None = parts
        self._keeping_data = keeping_data
        self._heap_mb, self._full_jit = kafka_heap_mb, kafka_full_jit
        self._names = tuple(services)
        self._scale = dict(scale or {})
        self._env = dict(env or {})
        self._service_env = dict(service_env or {})
        self._prefix = database_prefix
        self._topics = topics
        self._urls: dict[str, str] = {}
        self._secrets: ClusterSecrets | None = None
        self._instances: dict[str, Instance] = {}

    # What others need to know of it.

    @property
    def parts(self) -> Backends:
        """Kafka and PostgreSQL; raises RuntimeError before the start."""
        if self._parts is None:
            raise RuntimeError("the town has no parts before it is started")
        return self._parts

    @property
    def secrets(self) -> ClusterSecrets:
        """What records are signed with; kept in the folder. Raises OSError where that cannot be written."""
        if self._secrets is None:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._secrets = ClusterSecrets.kept(self.data_dir, self._environ)
        return self._secrets

    @property
    def services(self) -> list[Instance]:
        """Every copy of every service, in the services' order."""
        return [self._instances[name] for name in sorted(self._instances, key=self._place)]

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address, as host:port; known once started."""
        return self.parts.kafka_bootstrap

    def instance(self, service: str, number: int = 1) -> Instance:
        """One copy of a service; raises KeyError when there is none."""
        return self._instances[copy_name(service, number)]

    def http(self, service: str, number: int = 1) -> str:
        """The address of a service's HTTP API, such as http://127.0.0.1:21234."""
        return self.instance(service, number).url

    def database_url(self, service: str) -> str:
        """The address of a service's database for its own role, as a postgresql:// URL."""
        return self._urls[service]

    def addresses(self, service: str) -> dict[str, str]:
        """Where a service finds Kafka and its database, as variables: what lies in between may change them."""
        return {"POSADA_KAFKA_BOOTSTRAP": self.kafka_bootstrap, "POSADA_DATABASE_URL": self.database_url(service)}

    # Its life.

    def start(self, ready_timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start everything and return when every service is ready.

        Whatever goes wrong, an interruption included, stops what was started.

        Raises:
            BackendFailed: when a part or a service does not come up; the message ends with its log.
            AlreadyRunning: when another process works on the same folder.
            ValueError: when the environment contradicts itself.
        """
        try:
            self.start_parts()
            self.prepare()
            self.start_services(ready_timeout_s)
        except BaseException:
            self.stop()
            raise

    def start_parts(self) -> None:
        """Start Kafka and PostgreSQL, unless they were given."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        check_ours(self.data_dir)
        if self._given_parts is None:
            self._parts = self._choose_parts(
                self.data_dir,
                self._environ,
                self._on_progress,
                keeping_data=self._keeping_data,
                kafka_heap_mb=self._heap_mb,
                kafka_full_jit=self._full_jit,
            )
            Thread(
                target=import_module, args=("posada.cluster.migration",), daemon=True
            ).start()  # while we wait for Java
            self._parts.start()
        self._on_progress(f"running on {self.parts.describe()}")

    def prepare(self) -> None:
        """Make databases, schemas, seed data and topics; what is there stays as it is."""
        self.parts.prepare_databases(self._names, self._prefix)
        self._urls = {service: self.parts.database_url(service) for service in self._names}
        with ThreadPoolExecutor(max_workers=1) as pool:  # a thread has no event loop, whoever calls us may
            topics = pool.submit(lambda: run_apart(self._create_topics, TOPICS_TIMEOUT_S))
            self._migrate()
            topics.result()

    def start_services(self, ready_timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start every copy of every service and wait until all are ready."""
        self._on_progress("starting the services")
        for service in self._names:
            for number in range(1, self._scale.get(service, 1) + 1):
                self._add(service, number).process.start()
        self.wait_until_ready(ready_timeout_s)
        self._write_address()

    def stop(self) -> None:
        """Stop every service, then the parts that are our own; does nothing where nothing runs."""
        forget(self.data_dir)
        try:
            self._each(self.services, lambda one: one.process.stop(STOP_GRACE_S))
        finally:
            for one in self.services:
                one.close()
            if self._owns_parts and self._parts is not None:
                self._parts.stop()

    def drop_databases(self) -> None:
        """Remove this town's databases and roles, for tests on a server that goes on; stop the services first."""
        self.parts.postgres.drop_databases([f"{self._prefix}{service}" for service in self._urls])

    # Its mishaps and changes, by copy.

    def kill(self, service: str, number: int = 1) -> None:
        """End a copy at once, as a crash would (SIGKILL)."""
        self.instance(service, number).process.kill()

    def stop_service(self, service: str, number: int = 1) -> None:
        """Ask a copy to end and wait for it."""
        self.instance(service, number).process.stop(STOP_GRACE_S)

    def start_service(self, service: str, number: int = 1) -> None:
        """Start a copy that ended, on its old port, and wait until it is ready."""
        self.instance(service, number).process.start()
        self.wait_until_ready(copies=[self.instance(service, number)])

    def restart(self, service: str, number: int = 1) -> None:
        """Stop a copy if it runs, start it again and wait until it is ready."""
        self.stop_service(service, number)
        self.start_service(service, number)

    def tell(self, service: str, settings: Mapping[str, str | None]) -> None:
        """Restart every copy of a service with these environment variables in place of what it alone was told before.

        They stay so until it is told something else. Ends when all are ready.
        """
        self._service_env[service] = settings
        copies = [one for one in self.services if one.service == service]
        self._each(copies, lambda one: one.process.stop(STOP_GRACE_S))
        for one in copies:
            one.process = self._process(one.name, service, one.port)
            one.process.start()
        self.wait_until_ready(copies=copies)

    def scale(self, service: str, copies: int) -> None:
        """Run so many copies of a service: start what is missing and wait for it, stop what is too much."""
        there = [one for one in self.services if one.service == service]
        for one in there[copies:]:
            one.process.stop(STOP_GRACE_S)
            one.close()
            del self._instances[one.name]
        for number in range(len(there) + 1, copies + 1):
            self._add(service, number).process.start()
        self._scale[service] = copies
        self.wait_until_ready(copies=[one for one in self.services if one.service == service])
        self._write_address()

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S, copies: Sequence[Instance] | None = None) -> None:
        """Wait for these copies, or for all; raises BackendFailed when one ends or `timeout_s` seconds pass."""
        waiting = list(self.services if copies is None else copies)
        deadline = time.monotonic() + timeout_s
        while waiting:
            troubles = {one.name: one.trouble() for one in waiting}
            for one in waiting:
                self._look(one, troubles[one.name], late=time.monotonic() > deadline, timeout_s=timeout_s)
            waiting = [one for one in waiting if troubles[one.name] is not None]
            if waiting:
                time.sleep(PAUSE_S)

    # How it is done.

    def _look(self, one: Instance, trouble: str | None, *, late: bool, timeout_s: float) -> None:
        if trouble is None:
            self._on_progress(f"{one.name} is ready at {one.url}")
        elif not one.process.alive:
            raise one.process.failure(f"ended with code {one.process.returncode} before it was ready")
        elif late:
            raise one.process.failure(f"was not ready within {timeout_s:g} s ({trouble})")

    def _add(self, service: str, number: int) -> Instance:
        name = copy_name(service, number)
        if name not in self._instances:
            port = self._port(name)
            self._instances[name] = Instance(service, number, port, self._process(name, service, port))
        return self._instances[name]

    def _port(self, name: str) -> int:
        """The copy's own port, kept between runs so that bookmarks and scrapers stay right."""
        taken = {one.port for one in self._instances.values()}
        folder = self.data_dir / "ports"
        folder.mkdir(exist_ok=True)
        while True:
            port = kept_ports(folder / f"{name}.json", {"http": None})["http"]
            if port not in taken:
                return port
            (folder / f"{name}.json").unlink()

    def _process(self, name: str, service: str, port: int) -> Process:
        pid_file = self.data_dir / "run" / f"{name}.pid"
        pid_file.parent.mkdir(exist_ok=True)
        refuse_if_running(name, pid_file)
        return Process(
            name,
            [sys.executable, "-m", "posada.main", "serve", service],
            self._environment(service, port),
            self.data_dir / "logs" / f"{name}.log",
            pid_file=pid_file,
        )

    def _environment(self, service: str, port: int) -> dict[str, str]:
        told: dict[str, str | None] = {
            **self._environ,
            **dict.fromkeys(_WITHHELD),
            **self.secrets.environment,
            "POSADA_LOG_JSON": "true",
            **self._env,
            **self._service_env.get(service, {}),
            **self.addresses(service),
            "POSADA_HTTP_HOST": "127.0.0.1",
            "POSADA_HTTP_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
        }
        return {name: value for name, value in told.items() if value is not None}

    def _migrate(self) -> None:
        from posada.cluster.migration import migrate  # noqa: PLC0415  # Alembic and SQLAlchemy: half a second, needed only here

        with ThreadPoolExecutor(max_workers=1) as pool:
            for service in self._names:
                self._on_progress(f"preparing the database of {service}")
                pool.submit(migrate, service, self.parts.owner_url(service)).result()

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
        ).write(self.data_dir)
        write_targets(self.data_dir, http)

    def _place(self, name: str) -> tuple[int, int]:
        one = self._instances[name]
        return self._names.index(one.service), one.number

    @staticmethod
    def _each(instances: Iterable[Instance], work: Callable[[Instance], None]) -> None:
        """Do the work for all at the same time."""
        several = list(instances)
        with ThreadPoolExecutor(max_workers=max(1, len(several))) as pool:
            for done in [pool.submit(work, one) for one in several]:
                done.result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


__all__ = ["BackendFailed", "LocalCluster"]
