"""A service in a process of its own, without its servers: who a caller is, and what is written down of an address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.processes.folders import LOOPBACK, kept_ports
from tests.unit.shared.http.test_served_to_strangers import HIDDEN, SECRET


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[str, Path]]:
    """Conversations in a process of its own, without its database or Kafka: the address, and the file of its log."""
    port = kept_ports(folder / "ports.json", {"http": None})["http"]
    log = folder / "log"
    environment = {
        **os.environ,
        "POSADA_KAFKA_BOOTSTRAP": f"{LOOPBACK}:1",
        "POSADA_KAFKA_SECRETS": json.dumps({"1": SECRET}),
        "POSADA_DATABASE_URL": f"postgresql://{LOOPBACK}:1/none",
        "POSADA_HTTP_PORT": str(port),
        "POSADA_API_TOKEN": SECRET,
        "POSADA_WATI_WEBHOOK_TOKEN": SECRET,
        **settings,
    }
    url = f"http://{LOOPBACK}:{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "posada.main", "serve", "conversations"], env=environment, stderr=file
        )
        try:
            _wait_for(url, process)
            yield url, log
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            httpx.get(f"{url}/health/live", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it ended")


def guesses(url: str, *forwarded: str) -> list[int]:
    """What each guess of a token is answered."""
    headers = [{"Authorization": f"Bearer guess {one}", "X-Forwarded-For": one} for one in forwarded]
    return [httpx.get(f"{url}/threads", headers=one, trust_env=False).status_code for one in headers]


class TestForwarded:
    def test_who_guesses_from_loopback_gets_no_new_bucket_by_a_header(self, tmp_path: Path) -> None:
        with served(tmp_path, POSADA_HTTP_RATE="0.01", FORWARDED_ALLOW_IPS="*") as (url, _):
            assert guesses(url, "10.0.0.1", "10.0.0.2", "10.0.0.3") == [401, 429, 429]

    def test_a_trusted_proxy_says_who_calls_and_the_caller_before_it_says_nothing(self, tmp_path: Path) -> None:
        with served(tmp_path, POSADA_HTTP_RATE="0.01", POSADA_TRUSTED_PROXIES=f'["{LOOPBACK}"]') as (url, _):
            assert guesses(url, "10.0.0.1", "10.0.0.2") == [401, 401]
            assert guesses(url, "10.9.9.9, 10.0.0.1", "10.8.8.8, 10.0.0.2") == [429, 429]


@pytest.mark.parametrize("as_json", ["true", "false"])
def test_no_secret_of_a_webhooks_address_is_written_down(tmp_path: Path, as_json: str) -> None:
    calls = [
        ("POST", f"/webhooks/wati?token={HIDDEN}"),
        ("POST", f"/webhooks/wati?token={SECRET}&x={HIDDEN}"),
        ("POST", f"/webhooks/{HIDDEN}"),
        ("GET", f"/webhooks/wati/{HIDDEN}?token={HIDDEN}"),
        ("GET", f"/threads/{HIDDEN}?q={HIDDEN}"),
        (HIDDEN.upper(), f"/{HIDDEN}"),
    ]
    with served(tmp_path, POSADA_LOG_LEVEL="DEBUG", POSADA_LOG_JSON=as_json) as (url, log):
        answers = [httpx.request(method, url + path, json={}, trust_env=False).status_code for method, path in calls]
        assert answers[:3] == [401, 503, 404]
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "posada_http_requests_total" in metrics
    written = log.read_text(encoding="utf-8")
    assert "service.stopped" in written or "Shutting down" in written
    for place in (metrics, written):
        assert HIDDEN not in place.lower()
        assert SECRET not in place
