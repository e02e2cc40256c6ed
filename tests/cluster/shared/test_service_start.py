"""A service whose Kafka or database is not there yet: alive, not ready, and ended only by what no waiting mends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from deploy.local.processes.folders import LOOPBACK, kept_ports
from services.booking.app import build
from services.booking.settings import Settings
from tests.support.servers.databases import FreshDatabase

NOBODY = f"{LOOPBACK}:1"
SECRETS = {"1": "s" * 32}


async def test_who_waits_is_alive_and_not_ready() -> None:
    settings = Settings(kafka_bootstrap=NOBODY, database_url=f"postgresql://{NOBODY}/none", kafka_secrets=SECRETS)
    app = build(settings).app()
    http = AsyncClient(transport=ASGITransport(app), base_url="http://booking")
    async with asyncio.timeout(30), app.router.lifespan_context(app), http:
        assert (await http.get("/health/live")).status_code == 200
        ready = await http.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert "waits for its database or for Kafka" in ready.json()["reason"]
        early = await http.get("/requests/r1")
        assert (early.status_code, early.headers["retry-after"]) == (503, "5")
        assert (await http.get("/metrics")).status_code == 200


@pytest.mark.real
async def test_who_waits_for_kafka_lets_go_of_the_database_again(fresh_database: FreshDatabase) -> None:
    service = build(Settings(kafka_bootstrap=NOBODY, database_url=fresh_database("booking"), kafka_secrets=SECRETS))
    app = service.app()
    async with asyncio.timeout(30), app.router.lifespan_context(app):
        while service.database._pool is None:  # noqa: ASYNC110 — nobody tells of it
            await asyncio.sleep(0.01)
    assert service.database._pool is None


@pytest.mark.real
def test_what_no_waiting_mends_ends_the_service_with_a_sentence(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    port = kept_ports(tmp_path / "ports.json", {"http": None})["http"]
    environment = {
        **os.environ,
        "POSADA_KAFKA_BOOTSTRAP": NOBODY,
        "POSADA_KAFKA_SECRETS": json.dumps(SECRETS),
        "POSADA_DATABASE_URL": fresh_database("booking").replace("/test_", "/none_"),
        "POSADA_HTTP_PORT": str(port),
    }
    command = [sys.executable, "-m", "posada.main", "serve", "booking"]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 4
    assert "The database refused" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
