"""What runs without containers: the image's health check, the secrets, and that compose.yaml names what is there."""

import json
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from deploy.image import healthy
from deploy.local.processes.folders import kept_ports
from posada.cli.operate.audit import urls_of
from posada.cli.options import bootstrap_of
from posada.cli.run.migrate import database_url
from shared.contracts.topics import SERVICES
from shared.messages.record_settings import RecordSettings
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
SIGNING = {"POSADA_KAFKA_SECRETS": "1", "POSADA_GATEWAY_SECRETS": "chat", "POSADA_SOURCE_SECRETS": "bank"}
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


class Service(BaseHTTPRequestHandler):
    """Answers as the server says."""

    def do_GET(self) -> None:
        """The readiness that was chosen."""
        status, body = self.server.answer if self.path == "/health/ready" else (404, {})  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_who_is_ready_is_healthy(service: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer = (200, {"status": "ready"})  # type: ignore[attr-defined]
    monkeypatch.setenv("POSADA_HTTP_PORT", str(service.server_port))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    healthy.main()


def test_who_is_not_ready_says_why(service: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer = (503, {"status": "not ready", "reason": "no partitions"})  # type: ignore[attr-defined]
    monkeypatch.setenv("POSADA_HTTP_PORT", str(service.server_port))
    with pytest.raises(SystemExit, match="no partitions"):
        healthy.main()
    service.answer = (500, {})  # type: ignore[attr-defined]
    assert healthy.trouble(service.server_port) == "it answers 500"


def test_who_does_not_answer_is_not_healthy(tmp_path: Path) -> None:
    port = kept_ports(tmp_path / "ports.json", {"http": None})["http"]
    assert "does not answer" in str(healthy.trouble(port))


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    subprocess.run(["sh", DEPLOY / "secrets.sh", file], check=True, capture_output=True)  # noqa: S607
    made = file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secrets = dict(line.split("=", 1) for line in made.splitlines())
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE)) == set(secrets)
    signing = {name: json.loads(secrets.pop(name).strip("'")) for name in SIGNING}
    assert {name: list(told) for name, told in signing.items()} == {name: [of] for name, of in SIGNING.items()}
    plain = [*secrets.values(), *re.findall("[0-9a-f]{16,}", json.dumps(signing))]
    assert len(plain) == len(set(plain)) == len(secrets) + len(SIGNING)
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in plain)
    RecordSettings(**{name.removeprefix("POSADA_").lower(): told for name, told in signing.items()}).refuse_unsigned()

    again = subprocess.run(["sh", DEPLOY / "secrets.sh", file], check=True, capture_output=True, text=True)  # noqa: S607
    assert "PASSWORD" not in again.stdout
    assert file.read_text(encoding="utf-8") == made


def test_secrets_of_an_older_posada_are_completed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# ours\nBOOKING_PASSWORD=theirs\nKAFKA_PORT=1", encoding="utf-8")
    subprocess.run(["sh", DEPLOY / "secrets.sh", file], check=True, capture_output=True)  # noqa: S607
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["# ours", "BOOKING_PASSWORD=theirs", "KAFKA_PORT=1"]
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE)) <= {line.partition("=")[0] for line in lines}
    assert sum(line.startswith("BOOKING_PASSWORD=") for line in lines) == 1


def test_compose_s_command_line_finds_what_the_services_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The doctor and the auditor ask every database, and judge the settings that the services run with."""
    services = yaml.safe_load(COMPOSE)["services"]
    cli = services["cli"]["environment"]
    for name in SERVICES:
        monkeypatch.delenv(f"POSADA_{name.upper()}_DATABASE_URL", raising=False)
    for name, value in cli.items():
        monkeypatch.setenv(name, value)
    own = {name: services[name]["environment"]["POSADA_DATABASE_URL"] for name in SERVICES}
    assert urls_of(tmp_path, []) == own
    assert {name: database_url(name, alone=False) for name in SERVICES} == own
    assert bootstrap_of(tmp_path, None) == services["booking"]["environment"]["POSADA_KAFKA_BOOTSTRAP"]
    theirs = {"POSADA_DATABASE_URL", "POSADA_OTLP_ENDPOINT", "POSADA_LOG_LEVEL"}
    for name in SERVICES:
        told = services[name]["environment"]
        assert {key: cli.get(key) for key in told if key not in theirs} == {
            key: value for key, value in told.items() if key not in theirs
        }
        assert services[name]["env_file"] == services["cli"]["env_file"]


def test_compose_plants_an_operator_s_folder_and_makes_topics_for_as_many_copies_as_are_named() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    assert services["topics"]["command"][-2:] == ["--instances", "${KAFKA_INSTANCES:-4}"]
    mounted = services["migrate"]["volumes"][0].split(":")[-2]
    assert services["migrate"]["environment"]["POSADA_SEED_FOLDER"] == mounted
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in ("KAFKA_INSTANCES", "SEED_FOLDER"))


def test_compose_runs_every_service_and_mounts_only_what_is_there() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for name in SERVICES:
        assert services[name]["command"] == ["serve", name]
        assert services[name]["read_only"] is True
        assert "container_name" not in services[name]
        assert services[name]["ports"] == ["127.0.0.1::8080"]  # a free port for each copy
    for one in services.values():
        assert str(one["image"]).startswith("${"), "every image can be another"
        for volume in one.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume).partition(":")[0]
            assert not source.startswith("./") or (DEPLOY / source).exists(), source
        for port in one.get("ports", []):
            assert port.startswith("127.0.0.1:")
