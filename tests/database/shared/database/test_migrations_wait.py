"""A migration that meets a long transaction keeps nobody waiting behind it, tries again, and says who is in its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.databases import PostgresBackend
from shared.database import migrations
from shared.database.migrations import BOUNDS, bounds, upgrade
from shared.errors import TablesBusy
from tests.support.servers.databases import FreshDatabase, as_service
from tests.support.servers.migrations import with_later_version

pytestmark = pytest.mark.real
PATIENCE_S = 60.0
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND datname = $1"


@dataclass(frozen=True)
class Meeting:
    """A later version's `change` wants what an open transaction has by `held`; others go on with `traffic`."""

    service: str
    change: str
    held: str
    traffic: str


MEETINGS = (
    Meeting("conversations", "ALTER TABLE threads ADD COLUMN later text", "SELECT FROM threads", "SELECT FROM threads"),
    Meeting(
        "payments",
        "CREATE INDEX later_idx ON ledger (at)",
        "LOCK TABLE ledger IN ROW EXCLUSIVE MODE",
        "LOCK TABLE ledger IN ROW EXCLUSIVE MODE",
    ),
)


@dataclass
class Met:
    """A database at the older schema, and who holds its table open."""

    meeting: Meeting
    url: str
    holder: asyncpg.Connection[Any]
    held: Any
    observer: asyncpg.Connection[Any]

    async def someone_waits(self) -> bool:
        return bool(await self.observer.fetchval(WAITING, self.url.rpartition("/")[2]))

    async def traffic_passes(self) -> None:
        """Do as the service would."""
        connection = await asyncpg.connect(self.url)
        try:
            async with connection.transaction():
                await connection.execute(self.meeting.traffic)
        finally:
            connection.terminate()

    def migrating(self, *pauses: float) -> asyncio.Task[None]:
        return asyncio.create_task(asyncio.to_thread(upgrade, self.meeting.service, self.url, pauses=pauses))


@pytest.fixture(params=MEETINGS, ids=lambda meeting: meeting.service)
async def met(
    request: pytest.FixtureRequest,
    fresh_database: FreshDatabase,
    postgres: PostgresBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Met]:
    meeting = request.param
    url = fresh_database(meeting.service)
    monkeypatch.setattr(migrations, "SERVICES", with_later_version(tmp_path, meeting.service, meeting.change))
    holder = await asyncpg.connect(as_service(url, postgres))
    held = holder.transaction()
    await held.start()
    await holder.execute(meeting.held)
    observer = await asyncpg.connect(url)
    yield Met(meeting, url, holder, held, observer)
    observer.terminate()
    holder.terminate()


async def until_someone_waits(met: Met) -> None:
    while not await met.someone_waits():  # noqa: ASYNC110 — the server tells no one
        await asyncio.sleep(0.05)


async def test_it_gives_up_and_names_who_is_in_its_way(met: Met) -> None:
    async with asyncio.timeout(PATIENCE_S):
        migrating = met.migrating(0.1)
        await until_someone_waits(met)
        await met.traffic_passes()
        with pytest.raises(TablesBusy) as told:
            await migrating
    assert f"process {met.holder.get_server_pid()} (" in str(told.value)
    assert "2 times" in str(told.value)
    assert await met.observer.fetchval("SELECT version_num FROM alembic_version") == "0001"


async def test_it_succeeds_once_the_table_is_let_go(met: Met) -> None:
    async with asyncio.timeout(PATIENCE_S):
        migrating = met.migrating(*[0.1] * 20)
        for _ in range(2):
            await until_someone_waits(met)
            await met.traffic_passes()
        await met.held.rollback()
        await migrating


def test_the_address_may_say_other_bounds() -> None:
    said = bounds("postgresql://booking_owner@db/booking?sslmode=verify-full&lock_timeout=10s")
    assert said == {name: value for name, value in BOUNDS.items() if name != "lock_timeout"}
