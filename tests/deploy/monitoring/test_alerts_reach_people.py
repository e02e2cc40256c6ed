"""Alertmanager's configuration: each severity reaches whom it should, by a real Alertmanager and a real mail server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml
from aiosmtpd.controller import Controller

from tests.support.cluster.compose_stack import free_port
from tests.support.cluster.gateway import wait_for
from tests.support.paths import ROOT

CONFIGURATION = ROOT / "deploy/alertmanager/alertmanager.yml"
AMTOOL = shutil.which("amtool") or ""
# Debian's name for it, and its maker's.
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or ""
needs_alertmanager = pytest.mark.skipif(
    not (AMTOOL and ALERTMANAGER), reason="Alertmanager is not installed (Debian: prometheus-alertmanager)"
)
RECEIVERS = {"critical": "on-call", "warning": "morning", "info": "list", "unheard-of": "on-call"}


class Letters:
    """What the mail server was handed."""

    def __init__(self) -> None:
        self.all: list[tuple[str, EmailMessage]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 — aiosmtpd's word
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.all += [(recipient, letter) for recipient in envelope.rcpt_tos]
        return "250 OK"

    def to(self, recipient: str) -> list[EmailMessage]:
        return [letter for one, letter in self.all if one == recipient]


@dataclass
class Running:
    """An Alertmanager with our configuration, and where its mail goes."""

    url: str
    letters: Letters

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5):  # noqa: S310 — our own address
                return True
        except (URLError, ConnectionError):
            return False

    def ring(self, *alerts: dict[str, str]) -> None:
        """Alerts as Prometheus hands them over: their labels, severity among them."""
        sent = [
            {
                "labels": one,
                "annotations": {"summary": f"{one['alertname']} is told", "runbook": "docs/runbooks/service-down.md"},
            }
            for one in alerts
        ]
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.url}/api/v2/alerts", json.dumps(sent).encode(), headers), timeout=5).close()  # noqa: S310

    def states(self) -> dict[str, str]:
        with urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:  # noqa: S310
            return {one["labels"]["alertname"]: one["status"]["state"] for one in json.load(answer)}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Our own file but for the mail server's address and the time that alerts of one kind are gathered for."""
    letters, mail, port = Letters(), free_port(), free_port()
    changed = yaml.safe_load(CONFIGURATION.read_text())
    changed["global"]["smtp_smarthost"] = f"127.0.0.1:{mail}"
    for route in (changed["route"], *changed["route"]["routes"]):
        route["group_wait"] = "0s"
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(changed))
    told = tmp_path / "log"
    arguments = [f"--config.file={file}", f"--storage.path={tmp_path}/kept", f"--web.listen-address=127.0.0.1:{port}"]
    controller = Controller(letters, hostname="127.0.0.1", port=mail)
    controller.start()
    with told.open("w") as log:
        process = subprocess.Popen([ALERTMANAGER, *arguments, "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        yield Running(f"http://127.0.0.1:{port}", letters)
    finally:
        process.terminate()
        process.wait(30)
        controller.stop()


def severities() -> set[str]:
    files = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["labels"]["severity"] for group in groups for rule in group["rules"]}


def test_prometheus_of_compose_tells_the_alertmanager_of_compose() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert "./alertmanager:/etc/alertmanager:ro" in services["alertmanager"]["volumes"]
    told = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["alerting"]["alertmanagers"]
    assert told == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]
    assert severities() <= RECEIVERS.keys()


@needs_alertmanager
@pytest.mark.parametrize(("severity", "receiver"), RECEIVERS.items())
def test_each_severity_has_its_receiver(severity: str, receiver: str) -> None:
    route = [
        AMTOOL,
        "config",
        "routes",
        "test",
        f"--config.file={CONFIGURATION}",
        f"severity={severity}",
        "job=booking",
    ]
    told = subprocess.run(route, check=True, capture_output=True, text=True)
    assert told.stdout.split() == [receiver]
    subprocess.run([AMTOOL, "check-config", CONFIGURATION], check=True, capture_output=True)


@needs_alertmanager
async def test_who_is_on_call_is_told_at_once_and_of_the_cause_alone(running: Running) -> None:
    await wait_for(running.answers, what="the Alertmanager", timeout_s=60)
    running.ring({"alertname": "PosadaServiceDown", "job": "booking", "severity": "critical"})
    await wait_for(lambda: bool(running.letters.to("on-call@posada.example")), what="the letter", timeout_s=60)
    running.ring(
        {"alertname": "PosadaSagaStuck", "job": "booking", "severity": "critical"},
        {"alertname": "PosadaDeadLetters", "job": "payments", "severity": "critical"},
    )
    await wait_for(lambda: len(running.letters.to("on-call@posada.example")) > 1, what="the other", timeout_s=60)

    told = [str(letter["Subject"]) for letter in running.letters.to("on-call@posada.example")]
    assert ["PosadaServiceDown" in told[0], "PosadaDeadLetters" in told[1]] == [True, True]
    letter = running.letters.to("on-call@posada.example")[0].get_body()
    assert letter is not None
    shown = " ".join(re.sub("<[^>]*>", " ", letter.get_content()).split())
    assert "PosadaServiceDown is told" in shown
    assert "runbook = docs/runbooks/service-down.md" in shown
    # What is wrong with a service that is down has one cause; another service's trouble is its own.
    assert running.states() == {
        "PosadaServiceDown": "active",
        "PosadaSagaStuck": "suppressed",
        "PosadaDeadLetters": "active",
    }
