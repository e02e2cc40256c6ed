"""While the database is away, full or read-only no message is at fault and none is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from shared.consumer.processor import Processor
from shared.contracts.topics import internal
from shared.database import outage
from shared.database.pool import Database
from tests.support.sagas.sample_service import Notes, noted
from tests.support.sagas.sample_shell import Shell, failing

pytestmark = pytest.mark.real


class Away(Database):
    """A database that is away for some transactions, and once breaks off in the middle."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.faults: list[Exception] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Fail as a lost server does, as often as told."""
        if self.faults:
            raise self.faults.pop(0)
        async with super().transaction() as connection:
            yield connection


async def test_while_the_database_is_away_nothing_is_lost(notes_url: str) -> None:
    away = Away(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    ]
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert len(shell.office.rows) == 2
    await away.close()


async def test_however_long_the_database_is_away_its_work_is_not_at_fault(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    looks = 0

    class Gone(Away):
        async def answers(self) -> bool:
            nonlocal looks
            looks += 1
            if looks < 200:
                return False
            self.faults.clear()
            return await super().answers()

    away = Gone(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [ConnectionRefusedError()] * 1000
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert looks == 200
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await away.close()


async def test_however_long_the_disk_is_full_no_message_is_at_fault(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    away = Away(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [asyncpg.DiskFullError("could not extend file: No space left on device")] * 20
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await away.close()


async def test_a_database_that_may_only_be_read_is_waited_for(
    notes_url: str, kind: type[Notes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a managed server is whose disk is full, or a standby before it takes over."""
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    owner = await asyncpg.connect(notes_url)
    name = await owner.fetchval("SELECT current_database()")
    looks = 0

    class Watched(Database):
        async def answers(self) -> bool:
            nonlocal looks
            looks += 1
            if looks == 20:
                await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            return await super().answers()

    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    watched = Watched(notes_url)
    await watched.open()
    shell = Shell(watched, kind())
    await shell.take("a", "b")
    assert looks == 20
    assert await noted(watched) == ["a", "b"]
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await watched.close()
    await owner.close()


class Slow(Notes):
    """Notes with one message whose query takes longer than any may."""

    async def save(self, connection: Any, uow: list[str], now: Any) -> Any:
        if "slow" in uow:
            await connection.execute("SELECT pg_sleep(600)")
        return await super().save(connection, uow, now)


async def test_a_query_that_always_takes_too_long_is_a_fault_of_its_message(notes_url: str) -> None:
    hurried = Database(notes_url, command_seconds=0.5)
    await hurried.open()
    shell = Shell(hurried, Slow())
    shell.processor = Processor(shell.routes, hurried, shell.relay, clock=shell.clock, retry_pauses=())
    await shell.take("a", "slow", "b")
    assert await noted(hurried) == ["a", "b"]
    (letter,) = [row for row in shell.office.rows if row.topic.endswith(".dead")]
    assert dict(letter.headers)["original_ce_id"] == b"slow"
    assert b"TimeoutError" in dict(letter.headers)["posada_history"]
    await hurried.close()


@pytest.mark.parametrize("fault", [asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError])
async def test_a_bug_that_looks_like_an_outage_blocks_nobody(database: Database, fault: type[Exception]) -> None:
    shell = Shell(database, failing("b", fault=fault))
    await shell.take("a", "b", "c")
    assert await noted(database) == ["a", "c"]
    (later,) = [row for row in await shell.outbox() if row["topic"] == internal(shell.routes.service).name]
    assert fault.__name__ in str(later["headers"])


async def test_a_connection_that_is_killed_in_mid_transaction_is_outlasted(notes_url: str, database: Database) -> None:
    class Killed(Notes):
        killed = False

        async def save(self, connection: Any, uow: list[str], now: Any) -> Any:
            if not self.killed:
                self.killed = True
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                async with other.connection() as killer:
                    await killer.execute("SELECT pg_terminate_backend($1)", pid)
            return await super().save(connection, uow, now)

    other = Database(notes_url)
    await other.open()
    shell = Shell(database, Killed())
    await shell.take("a", "b")
    assert await noted(database) == ["a", "b"]
    await other.close()
