"""The stop of a service: the batch in hand, its offsets, its place in the group; an end though something hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from shared import service
from shared.consumer.routing import Routes
from shared.database.pool import Database
from shared.messages.record_settings import TRUSTING
from shared.service import Service
from shared.settings import ServiceSettings
from tests.support.cluster.instances import ask, committed, until
from tests.support.sagas.sample_service import noted

pytestmark = pytest.mark.real


@asynccontextmanager
async def running(bootstrap: str, url: str, routes: Routes[Any]) -> AsyncIterator[None]:
    """The service, as it runs in a process; the end of the block is its SIGTERM."""
    settings = ServiceSettings(kafka_bootstrap=bootstrap, database_url=url, kafka_records=TRUSTING)
    app = Service(name=routes.service, version="1", settings=settings, database=Database(url), routes=routes).app()
    async with app.router.lifespan_context(app):
        yield


async def members(bootstrap: str, group: str) -> int:
    """How many instances the broker believes to be in the group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        [(code, _, _, _, _, found, *_)] = answer.groups
        assert not code, for_code(code)
        return len(found)
    finally:
        await admin.close()


async def test_a_stop_commits_what_was_handled_and_leaves_the_group(
    kafka_bootstrap: str, database: Database, notes_url: str, routes: Routes[Any]
) -> None:
    group = f"posada-{routes.service}"
    async with running(kafka_bootstrap, notes_url, routes):
        await ask(kafka_bootstrap, routes.topics[0].name, *[f"m{number}" for number in range(20)])

        async def all_noted() -> bool:
            return len(await noted(database)) == 20

        await until(all_noted)
        assert await members(kafka_bootstrap, group) == 1
    assert await members(kafka_bootstrap, group) == 0
    assert await committed(kafka_bootstrap, routes) == 20


async def test_several_brokers_may_be_named(
    kafka_bootstrap: str, database: Database, notes_url: str, routes: Routes[Any]
) -> None:
    async with running(f"{kafka_bootstrap},{kafka_bootstrap}", notes_url, routes):
        await ask(kafka_bootstrap, routes.topics[0].name, "m1")

        async def one_noted() -> bool:
            return len(await noted(database)) == 1

        await until(one_noted)


async def test_a_batch_that_cannot_end_is_left_and_comes_again(
    kafka_bootstrap: str,
    database: Database,
    notes_url: str,
    routes: Routes[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "END_SECONDS", 0.5)
    rival = await asyncpg.connect(notes_url)
    async with running(kafka_bootstrap, notes_url, routes):

        async def assigned() -> bool:
            return await members(kafka_bootstrap, f"posada-{routes.service}") == 1

        async def waits_for_the_lock() -> bool:
            return bool(
                await rival.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NOT NULL")
            )

        await until(assigned)
        await rival.execute("BEGIN")
        await rival.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        await ask(kafka_bootstrap, routes.topics[0].name, "m1")
        await until(waits_for_the_lock)
    assert await committed(kafka_bootstrap, routes) == 0
    await rival.execute("ROLLBACK")
    await rival.close()

    async with running(kafka_bootstrap, notes_url, routes):

        async def one_noted() -> bool:
            return len(await noted(database)) == 1

        await until(one_noted)
