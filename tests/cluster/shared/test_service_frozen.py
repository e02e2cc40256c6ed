"""A server that stands still with its connections open: readiness says so within ten seconds, and waits for nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient

from deploy.local.backend import Backend, OwnBackend
from deploy.local.choice import Backends
from shared.consumer.routing import Routes
from shared.contracts.availability import CountRequested
from shared.contracts.topics import dead, internal
from shared.database.pool import Database, on_request
from shared.database.probe import ANSWER_SECONDS, ASK_SECONDS, SILENT_SECONDS, DatabaseProbe
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from shared.messages.record_settings import TRUSTING
from shared.observability.metrics import READY
from shared.service import Service
from shared.settings import ServiceSettings
from tests.support.sagas.sample_service import Notes
from tests.support.servers.databases import ask

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
WITHIN = 10.0
BUSY = 5.0  # seconds that a machine with other work may add
LIMIT = 90.0


@pytest.fixture
async def ready(kafka_bootstrap: str, notes_url: str) -> AsyncIterator[AsyncClient]:
    """A service that is ready, asked by a client."""
    name = f"notes-{uuid4().hex[:8]}"
    topic = Topic(f"{name}.requests", "", partitions=1, default_type=CountRequested.type_name)
    await create_topics(kafka_bootstrap, [topic, internal(name), dead(name)])
    routes: Routes[Any] = Notes().routes(name, topic)
    settings = ServiceSettings(kafka_bootstrap=kafka_bootstrap, database_url=notes_url, kafka_records=TRUSTING)
    app = Service(name, "1", settings, Database(notes_url), routes).app()
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://notes") as http,
    ):
        await until_told(http, 200)
        yield http


async def until_told(http: AsyncClient, status: int) -> tuple[float, str]:
    """Ask until that is the answer; gives the seconds it took, and the reason told."""
    began = time.monotonic()
    async with asyncio.timeout(LIMIT):
        while True:
            asked = time.monotonic()
            answer = await http.get("/health/ready")
            assert time.monotonic() - asked < WITHIN / 2, "readiness itself waits"
            if answer.status_code == status:
                return time.monotonic() - began, str(answer.json().get("reason"))
            assert (await http.get("/health/live")).status_code == 200
            await asyncio.sleep(0.1)


@asynccontextmanager
async def frozen(part: Backend) -> AsyncIterator[None]:
    assert isinstance(part, OwnBackend)
    part.freeze()
    try:
        yield
    finally:
        part.thaw()


@pytest.fixture
def own(parts: Backends) -> Iterator[Backends]:
    """Servers that are this machine's own processes."""
    if not isinstance(parts.postgres, OwnBackend) or not isinstance(parts.kafka, OwnBackend):
        pytest.skip("servers that are somebody else's are not frozen")
    yield parts


@pytest.mark.parametrize(("server", "reason"), [("postgres", "the database has not"), ("kafka", "Kafka has not said")])
async def test_a_server_that_stands_still_is_seen_in_time(
    own: Backends, ready: AsyncClient, server: str, reason: str
) -> None:
    async with frozen(getattr(own, server)):
        took, told = await until_told(ready, 503)
        assert reason in told
        assert took < WITHIN + BUSY
        while READY._value.get():  # noqa: ASYNC110 — nobody tells of it
            await asyncio.sleep(0.1)
    await until_told(ready, 200)


async def test_a_server_that_makes_no_connections_is_seen_while_the_old_ones_answer(
    own: Backends, notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.database.probe.ANSWER_SECONDS", 0.5)
    lock = Path(str(await ask(own.postgres.admin_url, "SHOW data_directory"))) / "postmaster.pid"
    if not lock.is_file():
        pytest.skip("the server's processes are elsewhere")
    first = int(lock.read_text(encoding="ascii").split()[0])
    database = Database(notes_url)
    await database.open()
    async with database.connection() as connection:
        watch = DatabaseProbe(database)
        os.kill(first, signal.SIGSTOP)
        try:
            before = watch._answered
            await watch.look()
            assert watch._answered == before
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            os.kill(first, signal.SIGCONT)
        await watch.look()
        await watch.look()
        assert watch._answered > before
        assert watch._connection is None
    await database.close()


def test_what_is_waited_for_adds_up_to_less() -> None:
    assert ASK_SECONDS + ASK_SECONDS + SILENT_SECONDS <= WITHIN
    assert ANSWER_SECONDS < SILENT_SECONDS


async def test_a_database_that_may_only_be_read_is_told_of(notes_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.database.probe.SILENT_SECONDS", 0.2)
    database = Database(notes_url)
    await database.open()
    async with database.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    watch = DatabaseProbe(database)
    await asyncio.sleep(0.3)
    await watch.look()
    assert "may only be read" in (watch.trouble() or "")
    await database.close()


async def test_a_database_whose_connections_are_all_in_use_answers_all_the_same(notes_url: str) -> None:
    database = Database(notes_url, connections=1, http_connections=1)
    await database.open()
    watch = DatabaseProbe(database)
    async with database.connection():
        with on_request():
            async with database.connection():
                before = watch._answered
                await watch.look()
                assert watch._answered > before
    watch._let_go()
    await database.close()
