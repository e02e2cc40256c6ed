"""Given addresses come before Docker, Docker before the embedded parts, and POSADA_PARTS before all of them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local.choice import Backends, GivenKafka, GivenPostgres, choose_backends
from deploy.local.processes.process import BackendFailed
from posada.cli.run.status_screen import farewell
from posada.cli.run.up import up

GIVEN = {"POSADA_KAFKA_BOOTSTRAP": "kafka:9092", "POSADA_POSTGRES_ADMIN_URL": "postgresql://root:top@db:5432/postgres"}


def answer(value: bool) -> Callable[[], bool]:
    return lambda: value


def choose(folder: Path, environ: dict[str, str], docker: bool) -> Backends:
    return choose_backends(folder, environ, docker_answers=answer(docker))


@pytest.mark.parametrize(
    ("environ", "docker", "where"),
    [
        ({}, False, "embedded"),
        ({}, True, "Docker's"),
        (GIVEN, False, "given"),
        (GIVEN, True, "given"),
        ({"POSADA_PARTS": "embedded"}, True, "embedded"),
        ({"POSADA_PARTS": "docker"}, False, "Docker's"),
        ({**GIVEN, "POSADA_PARTS": "given"}, True, "given"),
        ({**GIVEN, "POSADA_PARTS": "embedded"}, True, "embedded"),
        ({**GIVEN, "POSADA_PARTS": "docker"}, False, "Docker's"),
        ({"POSADA_PARTS": "", "POSADA_KAFKA_BOOTSTRAP": "", "POSADA_POSTGRES_ADMIN_URL": ""}, False, "embedded"),
    ],
)
def test_order_of_choice(folder: Path, environ: dict[str, str], docker: bool, where: str) -> None:
    assert choose(folder, environ, docker).where == where


@pytest.mark.parametrize(
    ("environ", "where"), [({}, "embedded"), ({"POSADA_PARTS": "docker"}, "Docker's"), (GIVEN, "given")]
)
def test_who_keeps_data_takes_containers_only_by_name(folder: Path, environ: dict[str, str], where: str) -> None:
    parts = choose_backends(folder, environ, keeping_data=True, docker_answers=answer(True))
    assert (parts.where, parts.keeps_data) == (where, where != "Docker's")
    assert ("data is kept" in farewell(parts)) is parts.keeps_data


def test_up_keeps_its_data_where_docker_answers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    made: list[dict[str, object]] = []

    class Nothing(Exception):
        pass

    class Recorded:
        def __init__(self, data: Path, **given: object) -> None:
            made.append(given)
            raise Nothing

    monkeypatch.setattr("posada.cluster.cluster.LocalCluster", Recorded)
    with pytest.raises(Nothing):
        up(folder, None)
    assert made[0]["keeping_data"] is True


class Daemon(BaseHTTPRequestHandler):
    """As much of a Docker daemon as it takes to describe a container."""

    def do_GET(self) -> None:
        """Whatever is asked, the version is the answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"ApiVersion": "1.44"}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Daemon)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("daemon")
def test_containers_listen_on_this_machine_alone(folder: Path) -> None:
    parts = choose_backends(folder, {"POSADA_PARTS": "docker"})
    for part in (parts.kafka, parts.postgres):
        container = part._new_container()  # type: ignore[attr-defined]
        assert [address[0] for address in container.ports.values()] == ["127.0.0.1"]
        assert container.get_container_host_ip() == "127.0.0.1"


@pytest.mark.parametrize("half", list(GIVEN))
def test_one_address_alone_is_refused(folder: Path, half: str) -> None:
    with pytest.raises(ValueError, match="belong together"):
        choose(folder, {half: GIVEN[half]}, docker=True)


def test_given_without_addresses_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        choose(folder, {"POSADA_PARTS": "given"}, docker=True)


def test_an_unknown_choice_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="can be given, docker or embedded"):
        choose(folder, {"POSADA_PARTS": "podman"}, docker=True)


def test_docker_is_not_asked_when_addresses_are_given(folder: Path) -> None:
    def never() -> bool:
        raise AssertionError("asked")

    assert choose_backends(folder, GIVEN, docker_answers=never).where == "given"


def test_choosing_touches_nothing(folder: Path) -> None:
    for environ in ({}, GIVEN, {"POSADA_PARTS": "docker"}):
        choose(folder, dict(environ), docker=False)

    assert not folder.exists()


def test_each_choice_describes_itself(folder: Path) -> None:
    assert choose(folder, {}, False).describe() == "embedded Kafka 4.3.0 and PostgreSQL 18.4"
    assert choose(folder, GIVEN, False).describe() == "given Kafka at kafka:9092 and PostgreSQL at db:5432"
    images = {"POSADA_TEST_KAFKA_IMAGE": "our/kafka:1", "POSADA_TEST_POSTGRES_IMAGE": "our/postgres:2"}
    assert choose(folder, images, True).describe() == "Docker's Kafka (our/kafka:1) and PostgreSQL (our/postgres:2)"


def test_a_service_s_address_keeps_the_server_and_hides_the_administrator(folder: Path) -> None:
    url = choose(folder, GIVEN, False).postgres.dsn("booking", "booking")

    assert url.startswith("postgresql://booking:")
    assert url.endswith("@db:5432/booking")
    assert "top" not in url


def test_an_unprepared_database_has_no_address(folder: Path) -> None:
    with pytest.raises(KeyError):
        choose(folder, GIVEN, False).database_url("booking")


def test_what_can_t_name_a_database_is_refused(folder: Path) -> None:
    for name in ("", "Booking", 'x"; DROP ROLE', "a-b", "1st", "x" * 64):
        with pytest.raises(ValueError, match="can't name a database"):
            choose(folder, GIVEN, False).prepare_databases([name])


class BrokenKafka(GivenKafka):
    def start(self) -> None:
        raise BackendFailed("no broker today")


class SlowPostgres(GivenPostgres):
    running = False

    def start(self) -> None:
        time.sleep(0.2)
        self.running = True

    def stop(self) -> None:
        self.running = False


def test_what_was_still_starting_when_the_other_failed_is_stopped(folder: Path) -> None:
    postgres = SlowPostgres("postgresql://db/", folder)

    with pytest.raises(BackendFailed, match="no broker today"):
        Backends("given", BrokenKafka("kafka:9092"), postgres).start()

    assert not postgres.running
