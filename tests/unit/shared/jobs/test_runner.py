"""The runner of jobs: leases, deadlines, pauses, an end, and results that outlive an outage of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errors import CallFailed
from shared.jobs.port import Chore, JobLimits, JobStore, JobTransaction, RetrySchedule
from shared.jobs.runner import NOT_ENDED, JobRunner
from tests.support.doubles.transport import START, MovedClock

PAUSES = (timedelta(seconds=1), timedelta(seconds=5))
LIMITS = JobLimits(
    at_once=2, lease=timedelta(seconds=60), deadline=timedelta(seconds=5), retries=RetrySchedule(PAUSES), poll_seconds=9
)


@dataclass(frozen=True)
class Call:
    number: int
    attempt: int = 1


class FakeDatabase:
    """Transactions without a server; the first `away` of them are lost."""

    def __init__(self) -> None:
        self.away = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        if self.away:
            self.away -= 1
            raise ConnectionError
        yield None

    connection = transaction

    async def answers(self) -> bool:
        return True

    async def renew(self) -> None:
        return


class Publisher:
    async def send(self, rows: Sequence[Any]) -> None:
        assert not rows


class Table(JobStore[Call, str]):
    """Jobs in memory; `answer` is what is called."""

    def __init__(self, *jobs: Call, answer: Callable[[Call], Any] = lambda _: "done") -> None:
        self.due = list(jobs)
        self.answer = answer
        self.written: list[tuple[Any, ...]] = []
        self.renewed = asyncio.Event()
        self.most, self.running, self.closed = 0, 0, False

    async def claim(self, tx: JobTransaction, limit: int, running: Sequence[Call], lease: timedelta) -> Sequence[Call]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def renew(self, connection: Any, jobs: Sequence[Call], until: datetime) -> None:
        self.renewed.set()

    async def execute(self, job: Call) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            answer = self.answer(job)
            return str(await answer if asyncio.iscoroutine(answer) else answer)
        finally:
            self.running -= 1

    async def done(self, tx: JobTransaction, results: Sequence[tuple[Call, str]]) -> None:
        self.written += [("done", job.number, result) for job, result in results]

    async def failed(self, tx: JobTransaction, job: Call, failure: CallFailed, retry_at: datetime) -> None:
        self.written.append(("failed", failure.problem, retry_at - tx.now))

    async def abandon(self, tx: JobTransaction, job: Call, failure: CallFailed) -> None:
        self.written.append(("abandoned", failure.problem))

    async def close(self) -> None:
        self.closed = True


def runner_of(table: Table, database: FakeDatabase | None = None, **limits: Any) -> JobRunner[Call, str]:
    used = replace(LIMITS, **limits)
    return JobRunner("calls", database or FakeDatabase(), table, used, source="test", clock=MovedClock(START))  # type: ignore[arg-type]


async def outcomes(table: Table, database: FakeDatabase | None = None, **limits: Any) -> list[tuple[Any, ...]]:
    while await runner_of(table, database, **limits).run_due(Publisher()):  # type: ignore[arg-type]
        pass
    return table.written


async def test_a_chore_that_fails_stops_neither_the_others_nor_the_jobs() -> None:
    done: list[str] = []

    async def broken(tx: JobTransaction) -> None:
        raise ValueError("one report is odd")

    async def sound(tx: JobTransaction) -> None:
        done.append("sound")

    class Busy(Table):
        def chores(self) -> Sequence[Chore]:
            return (broken, sound)

    assert await outcomes(Busy(Call(1))) == [("done", 1, "done")]
    assert done == ["sound", "sound"]  # before the claim that found a job, and before the one that found none


async def test_a_chore_waits_for_a_database_that_is_away() -> None:
    class Busy(Table):
        def chores(self) -> Sequence[Chore]:
            return (self.failed_reports,)

        async def failed_reports(self, tx: JobTransaction) -> None:
            return

    database = FakeDatabase()
    database.away = 1
    with pytest.raises(ConnectionError):
        await runner_of(Busy(Call(1)), database).run_due(Publisher())  # type: ignore[arg-type]


def raising(fault: Exception) -> Callable[[Call], Any]:
    def answer(_: Call) -> Any:
        raise fault

    return answer


async def test_a_bounded_number_runs_at_once() -> None:
    table = Table(*map(Call, range(5)), answer=lambda _: asyncio.sleep(0.01, "ok"))
    assert len(await outcomes(table)) == 5
    assert table.most == 2


@pytest.mark.parametrize(
    ("attempt", "written"),
    [
        (1, ("failed", "HTTP 503", timedelta(seconds=1))),
        (2, ("failed", "HTTP 503", timedelta(seconds=5))),
        (3, ("abandoned", "HTTP 503")),
    ],
)
async def test_pauses_grow_and_the_last_attempt_is_the_end(attempt: int, written: tuple[Any, ...]) -> None:
    assert await outcomes(Table(Call(1, attempt), answer=raising(CallFailed("HTTP 503")))) == [written]


async def test_a_final_failure_ends_at_once_and_a_pause_that_is_asked_for_is_kept() -> None:
    assert await outcomes(Table(Call(1), answer=raising(CallFailed("no", final=True)))) == [("abandoned", "no")]
    limited = CallFailed("HTTP 429", retry_after=timedelta(minutes=2))
    assert await outcomes(Table(Call(1), answer=raising(limited))) == [("failed", "HTTP 429", timedelta(minutes=2))]


async def test_a_process_that_died_each_time_has_made_its_attempts() -> None:
    table = Table(Call(1, attempt=4), answer=raising(AssertionError("not called")))
    assert await outcomes(table) == [("abandoned", NOT_ENDED.problem)]


async def test_no_call_lasts_beyond_its_deadline() -> None:
    table = Table(Call(1), answer=lambda _: asyncio.sleep(60, "late"))
    assert await outcomes(table, deadline=timedelta(seconds=0.05)) == [
        ("failed", "it took too long", timedelta(seconds=1))
    ]


async def test_a_fault_says_its_kind_and_never_its_words() -> None:
    table = Table(Call(1), answer=raising(KeyError("ana@example.com")))
    assert await outcomes(table) == [("failed", "KeyError", timedelta(seconds=1))]


async def test_a_call_that_lost_the_database_is_left_to_its_lease() -> None:
    assert await outcomes(Table(Call(1), answer=raising(ConnectionError()))) == []


async def test_a_result_outlives_an_outage_of_the_database() -> None:
    database = FakeDatabase()

    def answer(_: Call) -> str:
        database.away = 2
        return "taken"

    assert await outcomes(Table(Call(1), answer=answer), database) == [("done", 1, "taken")]


async def test_a_lease_is_renewed_while_the_call_runs() -> None:
    table = Table(Call(1))
    table.answer = lambda _: table.renewed.wait()
    async with asyncio.timeout(20):
        assert await outcomes(table, lease=timedelta(seconds=0.2), deadline=timedelta(seconds=10))


async def test_results_that_end_together_are_written_together() -> None:
    class Together(Table):
        together = True
        writes = 0

        async def done(self, tx: JobTransaction, results: Sequence[tuple[Call, str]]) -> None:
            self.writes += 1
            await asyncio.sleep(0.02)
            await super().done(tx, results)

    table = Together(*map(Call, range(8)), answer=lambda _: asyncio.sleep(0.01, "ok"))
    assert len(await outcomes(table, at_once=8)) == 8
    assert table.writes == 2


async def test_a_stop_waits_for_calls_and_closes_their_connections() -> None:
    began = asyncio.Event()

    async def slow() -> str:
        began.set()
        await asyncio.sleep(0.05)
        return "done"

    table = Table(Call(1), answer=lambda _: slow())
    running = asyncio.create_task(runner_of(table).run(Publisher()))  # type: ignore[arg-type]
    await began.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (table.written, table.closed) == ([("done", 1, "done")], True)
