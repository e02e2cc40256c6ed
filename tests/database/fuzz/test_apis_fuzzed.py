"""Every endpoint of every service, asked for what its OpenAPI allows and for what it does not: never a 500."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from importlib import import_module
from threading import Thread
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error, response_schema_conformance

from deploy.local.processes.folders import LOOPBACK
from shared.consumer.processor import Processor
from shared.contracts.topics import SERVICES
from shared.outbox.publisher import OutboxPublisher
from shared.service import Service
from tests.support.doubles.transport import PostOffice
from tests.support.scale import scaled
from tests.support.servers.databases import FreshDatabase

SHARED = "fuzz" * 8
EXAMPLES = scaled(6, part=3)
REFUSED = 400
SHOWN = {"Authorization": f"Bearer {SHARED}"}
# What makes webhooks and optional endpoints appear, without anybody being called.
MORE: dict[str, dict[str, Any]] = {
    "notifications": {"webhook_token": SHARED, "public_url": "https://posada.example", "callback_secret": SHARED},
    "conversations": {"wati_webhook_token": SHARED, "manychat_webhook_token": SHARED},
}
pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


class Served:
    """A service's HTTP API on a port of its own, with its database and without Kafka."""

    def __init__(self, service: Service) -> None:
        self._service = service
        app = service.app()
        self.schema: dict[str, Any] = app.openapi()
        config = uvicorn.Config(app, host=LOOPBACK, port=0, lifespan="off", log_level="critical", access_log=False)
        self._app, self._server = app, uvicorn.Server(config)
        self._thread = Thread(target=lambda: asyncio.run(self._serve()))
        self.url = ""

    async def _serve(self) -> None:
        database = self._service.database
        await database.open()
        try:
            publisher = OutboxPublisher(PostOffice(), database)
            self._app.state.processor = Processor(self._service.routes, database, publisher)
            await self._server.serve()
        finally:
            await database.close()

    def __enter__(self) -> Served:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://{LOOPBACK}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(params=SERVICES)
def served(request: pytest.FixtureRequest, fresh_database: FreshDatabase) -> Iterator[Served]:
    name: str = request.param
    made = import_module(f"services.{name}.settings").Settings(
        database_url=fresh_database(name), api_token=SHARED, http_rate=100_000, **MORE.get(name, {})
    )
    with Served(import_module(f"services.{name}.app").build(made)) as one:
        yield one


@pytest.mark.long
def test_no_request_makes_a_service_fail(served: Served) -> None:
    schema = schemathesis.openapi.from_dict(served.schema)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            asked += ask(served, operation, mode)
    assert asked > len(served.schema["paths"]) * EXAMPLES / 2, "hardly anything was asked"
    assert httpx.get(f"{served.url}/health/live", trust_env=False).status_code == 200


def ask(served: Served, operation: Any, mode: GenerationMode) -> int:
    """Ask for some of what there is to be asked for; returns how often."""
    asked = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def one(case: Case) -> None:
        nonlocal asked
        asked += 1
        answer = case.call(base_url=served.url, headers=SHOWN, timeout=20)
        if "/health/" not in operation.path:  # without Kafka it is not ready, and says so
            as_told = [response_schema_conformance] if answer.status_code < REFUSED else []
            case.validate_response(answer, checks=[not_a_server_error, *as_told])

    try:
        one()
    except Exception as impossible:
        if "Unsatisfiable" not in type(impossible).__name__ and "Skip" not in type(impossible).__name__:
            raise  # an endpoint that takes nothing cannot be asked wrongly
    return asked


@pytest.mark.parametrize("served", ["availability"], indirect=True)
def test_a_property_with_a_name_that_cannot_be_one_is_refused(served: Served) -> None:
    """What was found so: the message behind the endpoint refused it, and the endpoint fell over."""
    asked = {"check_in": "2030-01-01", "check_out": "2030-01-02", "rooms": [{"type": "junior", "adults": 1}]}
    for name in ("%C2%9F", "%00", "x" * 300):
        path = f"{served.url}/properties/{name}/quote"
        answer = httpx.post(path, json=asked, headers=SHOWN, trust_env=False)
        assert answer.status_code == 422, answer.text
