"""Every panel's query, asked of a real Prometheus that scrapes real services while bookings go on, has an answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from posada.cluster.address import TARGETS
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import BOOKING_REPLIES
from tests.support.builders.cluster_requests import fresh_night, many, money_for, request, room
from tests.support.cluster.compose_stack import free_port
from tests.support.cluster.gateway import REQUESTS, Gateway, wait_for
from tests.support.paths import ROOT

PROMETHEUS = shutil.which("prometheus") or ""
PATIENCE_S = 120.0
CROWD = 10
MAIL = {
    "POSADA_SMTP_HOST": "127.0.0.1",
    "POSADA_SMTP_PORT": "1",
    "POSADA_SMTP_SECURITY": "none",
    "POSADA_SMTP_FROM": "reservas@posada.example",
}
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="Prometheus is not installed (Debian: prometheus)")
# What has no time series before it happens, or where nothing is configured: a day without it shows an empty panel.
QUIET = {
    "posada_saga_alarms_total",
    "posada_second_attempts_total",
    "posada_feed_age_seconds",
    "posada_feed_failing",
    "posada_feed_broken_lines",
    "posada_feed_refused_files",
    "posada_consumer_held_back_messages",
    "posada_http_cut_total",
    "posada_delivery_rate",
    "posada_delivery_reports_total",
    "posada_delivery_reports_refused_total",
    "posada_replies_waiting",
    "posada_replies_oldest_due_seconds",
    'status=~"5.."',
}


def queries() -> Iterator[tuple[str, str]]:
    """The place and the expression of each, as Grafana would ask it."""
    for file in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                asked = target["expr"].replace("$__rate_interval", "1m").replace("$job", ".*")
                yield f"{file.stem}, {panel['title']}", asked


def look(url: str) -> None:
    """One request to a service's API."""
    urlopen(url, timeout=10).close()  # noqa: S310


@dataclass(frozen=True)
class Prometheus:
    """One that scrapes."""

    url: str

    def ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5):  # noqa: S310 — our own address
                return True
        except (URLError, ConnectionError):
            return False

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query; HTTPError where Prometheus finds it wrong."""
        with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': expression})}", timeout=10) as answer:  # noqa: S310
            return list(json.load(answer)["data"]["result"])


@pytest.fixture
def mail_away(cluster: LocalCluster) -> Iterator[None]:
    """A mail server that is away, so that something waits to be sent."""
    cluster.configure("notifications", MAIL)
    yield
    cluster.configure("notifications", {})


@pytest.fixture
def prometheus(cluster: LocalCluster, tmp_path: Path) -> Iterator[Prometheus]:
    """It reads our own configuration, but for the folder of the cluster and how often it looks."""
    folder, port = tmp_path, free_port()
    changed = yaml.safe_load((ROOT / "deploy/prometheus/local.yml").read_text())
    changed["global"]["scrape_interval"] = "1s"
    changed["scrape_configs"][0]["file_sd_configs"][0]["files"] = [str(cluster.data_dir / TARGETS)]
    changed["rule_files"] = [str(ROOT / "deploy/prometheus/rules/*.yml")]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(changed))
    arguments = [
        f"--config.file={file}",
        f"--storage.tsdb.path={folder}/kept",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROMETHEUS, *arguments], stdout=log, stderr=log)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.usefixtures("mail_away")
async def test_every_panel_has_an_answer(cluster: LocalCluster, prometheus: Prometheus, gateway: Gateway) -> None:
    await wait_for(prometheus.ready, what="Prometheus", timeout_s=PATIENCE_S)
    unanswered: list[str] = []
    unpaid = request(fresh_night())
    await gateway.publish_all(REQUESTS, [unpaid])  # money is looked for while the panels are asked

    async def book() -> None:
        """Bookings, and whatever else the panels tell of that anybody can bring about."""
        crowd = many(CROWD)
        too_many = request(fresh_night(), rooms=[room("Matrimonial")] * 10)
        await gateway.pay([money_for(wanted) for wanted in crowd])
        await gateway.publish(BOOKING_REPLIES.name, b"{")  # a dead letter
        await gateway.publish_all(REQUESTS, [*crowd, too_many])
        outcomes = await gateway.outcomes([wanted["request_id"] for wanted in (*crowd, too_many)], PATIENCE_S)
        assert outcomes[-1].kind == "refused", outcomes[-1].body
        look(f"{cluster.http('booking')}/bookings/{outcomes[0].body['booking_id']}")

    async def answered() -> bool:
        await book()
        unanswered[:] = [
            f"{place}: {asked}"
            for place, asked in queries()
            if not any(quiet in asked for quiet in QUIET) and not prometheus.ask(asked)
        ]
        return not unanswered

    await wait_for(answered, what=lambda: f"an answer to {'; '.join(unanswered)}", timeout_s=PATIENCE_S)
    await gateway.pay([money_for(unpaid)])
    (paid,) = await gateway.outcomes([unpaid["request_id"]], PATIENCE_S)
    assert paid.kind == "confirmed", paid.body
    for _, asked in queries():
        prometheus.ask(asked)  # those without an answer are understood all the same
    assert {one["metric"]["job"] for one in prometheus.ask("up == 1")} == {one.service for one in cluster.services}
