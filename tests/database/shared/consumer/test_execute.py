"""A command that somebody awaits: done once under its id; its caller gets its refusal or fault, within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from shared.consumer.processor import Deferred
from shared.contracts.availability import CountAnswered, CountRequested
from shared.contracts.topics import internal
from shared.database import outage
from shared.database.pool import Database
from shared.errors import Conflict, Refusal
from shared.messages.message import Message
from shared.observability.metrics import HANDLED
from tests.database.shared.consumer.test_outages import Away
from tests.support.doubles.transport import process_records, record_of_row
from tests.support.sagas.sample_service import Notes, OptimisticNotes, asking, noted
from tests.support.sagas.sample_shell import Shell, failing

pytestmark = pytest.mark.real


@pytest.fixture(params=[Notes, OptimisticNotes])
def shell(request: pytest.FixtureRequest, database: Database) -> Shell:
    return Shell(database, request.param())


async def test_it_gives_what_was_sent_and_sends_it(shell: Shell) -> None:
    (answer,) = await shell.processor.execute(asking("a"))
    assert isinstance(answer, CountAnswered)
    assert (answer.request_id, answer.message) == ("a", "noted")
    assert shell.office.messages == [answer]
    assert await noted(shell.database) == ["a"]


async def test_under_one_id_it_is_done_once(shell: Shell) -> None:
    both = [shell.processor.execute(asking("a"), id="1") for _ in range(2)]
    assert sorted(len(sent) for sent in await asyncio.gather(*both)) == [0, 1]
    assert await shell.processor.execute(asking("a"), id="1") == []
    assert await noted(shell.database) == ["a"]
    await shell.processor.execute(asking("b"), id="1", source="webhooks/another")
    assert await noted(shell.database) == ["a", "b"]


async def test_without_an_id_its_handler_knows_what_it_has_done(shell: Shell) -> None:
    for _ in range(2):
        await shell.processor.execute(asking("a"))
    assert await noted(shell.database) == ["a", "a"]


class Refusing(Notes):
    """Refuses whatever it is to note, over Kafka by a message."""

    def note(self, uow: list[str], request: CountRequested, now: datetime) -> Iterable[Message]:
        """Refuse it."""
        raise Refusal("no", "not today")

    def routes(self, *given: Any) -> Any:
        """With an answer to a refusal."""
        table = super().routes(*given)
        del table.table[CountRequested]
        table.on(CountRequested, self.note, refused=lambda asked, refusal: refused(asked.request_id, refusal))
        return table


class RefusingTooLate(Refusing):
    """The same, but it has noted it already."""

    def note(self, uow: list[str], request: CountRequested, now: datetime) -> Iterable[Message]:
        """Refuse it behind a change."""
        uow.append(request.request_id)
        raise Refusal("no", "not today")


def refused(request_id: str, refusal: Refusal) -> CountAnswered:
    return CountAnswered(request_id=request_id, success=False, message=refusal.text)


async def test_a_refusal_is_its_callers_and_leaves_nothing(database: Database) -> None:
    shell = Shell(database, RefusingTooLate())
    for _ in range(2):  # its id is still free
        with pytest.raises(Refusal, match="not today"):
            await shell.processor.execute(asking("a"), id="1", deferrable=True)
    assert (await noted(database), shell.office.rows, await shell.outbox()) == ([], [], [])
    shell = Shell(database, Refusing())
    await shell.take("a")
    assert [one.message for one in shell.office.messages] == ["not today"]


async def test_a_refusal_behind_a_change_is_a_fault_and_leaves_nothing(database: Database) -> None:
    """Its answer would be committed together with the change."""
    shell = Shell(database, RefusingTooLate())
    await shell.take("a")
    assert (await noted(database), shell.office.messages) == ([], [])
    (later,) = await shell.outbox()
    history = dict(later["headers"])["posada_history"]
    assert "RefusedTooLate" in history


async def test_a_fault_is_its_callers_and_leaves_nothing(database: Database) -> None:
    shell = Shell(database, failing("a", times=1))
    with pytest.raises(RuntimeError, match="poison"):
        await shell.processor.execute(asking("a"), id="1")
    assert (await noted(database), await shell.outbox()) == ([], [])
    assert await shell.processor.execute(asking("a"), id="1")


async def test_one_that_is_deferrable_is_retried_like_a_message(database: Database) -> None:
    shell = Shell(database, failing("a", times=1))
    with pytest.raises(Deferred):
        await shell.processor.execute(asking("a"), id="1", deferrable=True)
    assert await shell.processor.execute(asking("a"), id="1", deferrable=True) == []  # it is on its way already
    (later,) = await shell.outbox()
    assert later["topic"] == internal(shell.routes.service).name
    shell.office.taken()
    shell.clock.now = later["due_at"]
    await shell.relay.sweep()
    await process_records(shell.processor, [record_of_row(row) for row in shell.office.taken()])
    assert await noted(database) == ["a"]


async def test_rivals_are_outlasted_but_not_for_ever(database: Database) -> None:
    await Shell(database, failing("a", times=9, fault=Conflict)).processor.execute(asking("a"))
    assert await noted(database) == ["a"]
    with pytest.raises(Conflict):
        await Shell(database, failing("b", fault=Conflict)).processor.execute(asking("b"))


async def test_what_was_rolled_back_is_not_counted(database: Database) -> None:
    shell = Shell(database, failing("a", times=2, fault=Conflict))
    counted = HANDLED.labels(CountRequested.type_name, "handled")
    before = counted._value.get()
    await shell.processor.execute(asking("a"))
    assert counted._value.get() - before == 1


async def test_a_database_that_comes_back_in_time_is_waited_for(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    away = Away(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [ConnectionRefusedError(), asyncpg.CannotConnectNowError("starting up")]
    assert await shell.processor.execute(asking("a"))
    assert await noted(away) == ["a"]
    await away.close()


async def test_one_that_does_not_is_waited_for_as_long_as_its_caller_said(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))

    class Gone(Away):
        async def answers(self) -> bool:
            return False

    away = Gone(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [ConnectionRefusedError()] * 1000
    with pytest.raises(TimeoutError):
        await shell.processor.execute(asking("a"), seconds=timedelta(milliseconds=200).total_seconds())
    assert shell.office.rows == []
    await away.close()
