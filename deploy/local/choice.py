"""Chooses what Posada runs on: the servers it is given, else Docker's, else embedded ones."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from deploy.local.backend import BACKENDS_VARIABLE, KafkaBackend, Progress, silent
from deploy.local.databases import PostgresBackend
from deploy.local.kafka.probe import listens

KAFKA_VARIABLE: Final = "POSADA_KAFKA_BOOTSTRAP"
POSTGRES_VARIABLE: Final = "POSADA_POSTGRES_ADMIN_URL"
DOCKERS: Final = "Docker's"


@dataclass
class Backends:
    """One Kafka and one PostgreSQL, and the databases of the services in it."""

    where: str
    kafka: KafkaBackend
    postgres: PostgresBackend
    _databases: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @property
    def keeps_data(self) -> bool:
        """Whether what is in them outlives their stop: containers are removed with what they hold."""
        return self.where != DOCKERS

    def describe(self) -> str:
        """One sentence for people, such as "embedded Kafka 4.3.0 and PostgreSQL 18.4"."""
        return f"{self.where} {self.kafka.name} and {self.postgres.name}"

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address, as host:port; known once started."""
        return self.kafka.bootstrap

    def start(self) -> None:
        """Start both, at the same time; when one fails, stop the other and raise its BackendFailed."""
        try:
            self._start_both()
        except BaseException:
            self.stop()  # once more: what was only about to start has started since
            raise

    def _start_both(self) -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            starts = [pool.submit(one.start) for one in (self.kafka, self.postgres)]
            try:
                for start in as_completed(starts):
                    start.result()
            except BaseException:
                self.stop()  # at once, so that an interrupted user doesn't wait for what is still starting
                raise

    def stop(self) -> None:
        """Stop both; does nothing to servers that were given."""
        try:
            self.kafka.stop()
        finally:
            self.postgres.stop()

    def prepare_databases(self, services: Iterable[str], prefix: str = "") -> None:
        """Make a database and its roles for each service, named after it behind `prefix`; repeating is harmless."""
        names = {service: f"{prefix}{service}" for service in services}
        self.postgres.create_databases(names.values())
        self._databases.update(names)

    def drop_databases(self) -> None:
        """Remove the databases that were prepared, and their roles: for tests on a server that goes on."""
        self.postgres.drop_databases(self._databases.values())
        self._databases.clear()

    def database_url(self, service: str) -> str:
        """The address of the service's database for its own role, as a postgresql:// URL.

        Raises KeyError when it was not prepared.
        """
        name = self._databases[service]
        return self.postgres.dsn(name, name)

    def owner_url(self, service: str) -> str:
        """The same for the role that owns it: for migrations, and for who alters it.

        Raises KeyError when it was not prepared.
        """
        return self.postgres.owner_dsn(self._databases[service])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class GivenKafka(KafkaBackend):
    """A broker that others run."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @property
    def name(self) -> str:
        return f"Kafka at {self._bootstrap}"

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    def answers(self) -> bool:
        """Whether somebody listens at one of its addresses: it may ask for more than we know here."""
        return any(listens(one) for one in self._bootstrap.split(","))

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


class GivenPostgres(PostgresBackend):
    """A server that others run; the secret for its roles' passwords is kept in `folder`."""

    def __init__(self, admin_url: str, folder: Path) -> None:
        super().__init__(folder)
        self._admin_url = admin_url

    @property
    def name(self) -> str:
        return f"PostgreSQL at {urlsplit(self._admin_url).netloc.rpartition('@')[2] or 'a socket'}"

    @property
    def admin_url(self) -> str:
        return self._admin_url

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


def docker_answers() -> bool:
    """Whether Docker can be used: its client is installed and a daemon answers within two seconds."""
    try:
        from deploy.local import docker  # noqa: PLC0415  # half a second, and only there with the group `local`
    except ImportError:
        return False
    return docker.docker_answers()


def choose_backends(
    data_dir: Path,
    environ: Mapping[str, str],
    on_progress: Progress = silent,
    *,
    keeping_data: bool = False,
    docker_answers: Callable[[], bool] = docker_answers,
    kafka_heap_mb: int = 256,
    kafka_full_jit: bool = False,
    durable: bool = True,
) -> Backends:
    """The backends to run on, not started; what they keep lies in `data_dir`.

    POSADA_PARTS decides (given, docker or embedded); without it the addresses in POSADA_KAFKA_BOOTSTRAP and
    POSADA_POSTGRES_ADMIN_URL, then a Docker daemon that answers, then the embedded ones. `kafka_heap_mb` (MiB) and
    `kafka_full_jit` concern the embedded Kafka. `on_progress` is called from more than one thread. With `keeping_data`
    Docker's, which forget theirs, are taken only where POSADA_PARTS names them. Without `durable` an embedded
    PostgreSQL may lose data in a crash: for tests.

    Raises ValueError when the environment contradicts itself.
    """
    choice = chosen(environ, (lambda: False) if keeping_data else docker_answers)
    if choice == "given":
        return given_backends(data_dir, environ)
    if choice == "docker":
        return docker_backends(data_dir, environ, on_progress)
    return embedded_backends(data_dir, on_progress, kafka_heap_mb, kafka_full_jit, durable=durable)


def chosen(environ: Mapping[str, str], docker_answers: Callable[[], bool]) -> str:
    """Which backends to run on: given, docker or embedded; raises ValueError as `choose_backends` does."""
    asked = environ.get(BACKENDS_VARIABLE, "")
    if asked not in {"", "given", "docker", "embedded"}:
        raise ValueError(f"{BACKENDS_VARIABLE} is {asked!r}, and can be given, docker or embedded")
    if asked in {"docker", "embedded"}:
        return asked
    addresses = [variable for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE) if environ.get(variable)]
    if len(addresses) == 1 or (asked and not addresses):
        raise ValueError(f"{KAFKA_VARIABLE} and {POSTGRES_VARIABLE} belong together, and not both are given")
    if addresses:
        return "given"
    return "docker" if docker_answers() else "embedded"


def given_backends(data_dir: Path, environ: Mapping[str, str]) -> Backends:
    """The servers whose addresses the environment gives."""
    kafka = GivenKafka(environ[KAFKA_VARIABLE])
    return Backends("given", kafka, GivenPostgres(environ[POSTGRES_VARIABLE], data_dir / "given"))


def docker_backends(data_dir: Path, environ: Mapping[str, str], on_progress: Progress = silent) -> Backends:
    """Containers of the images that the environment names."""
    from deploy.local.docker import DockerKafka, DockerPostgres  # noqa: PLC0415  # see docker_answers

    folder = data_dir / "docker"
    kafka = DockerKafka(folder / "kafka", environ, on_progress)
    return Backends(DOCKERS, kafka, DockerPostgres(folder / "postgres", environ, on_progress))


def embedded_backends(
    data_dir: Path,
    on_progress: Progress = silent,
    kafka_heap_mb: int = 256,
    kafka_full_jit: bool = False,
    *,
    durable: bool = True,
) -> Backends:
    """Servers of our own, from packages."""
    from deploy.local.kafka.server import EmbeddedKafka  # noqa: PLC0415  # see docker_answers
    from deploy.local.postgres import EmbeddedPostgres  # noqa: PLC0415

    kafka = EmbeddedKafka(data_dir / "kafka", heap_mb=kafka_heap_mb, full_jit=kafka_full_jit, on_progress=on_progress)
    postgres = EmbeddedPostgres(data_dir / "postgres", on_progress=on_progress, durable=durable)
    return Backends("embedded", kafka, postgres)
