"""Feeds read on a real database: pages and their cursor, files moved aside, broken lines kept, attempts with news."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request

from services.payments.consumers import routes
from services.payments.feeds.camt import CamtLayout
from services.payments.feeds.csv import CsvLayout
from services.payments.feeds.folder import WatchedFolder
from services.payments.feeds.http import HttpFeed
from services.payments.feeds.lines import BrokenLine
from services.payments.feeds.port import Page, Source
from services.payments.feeds.sync import FeedSync
from services.payments.repository import Repository
from services.payments.requests.search_handlers import transfer_arrived
from shared.database.pool import Database
from shared.messages.message import Message
from tests.database.payments.requests.test_shell import Instance
from tests.support.builders.payments import TERMS, Ticking, record_of, reserve, search, transfer
from tests.unit.payments.feeds.test_camt import details, entry, statement

HEADING = "transfer_id,amount,posted_on,payer,reference,currency,authorization_number\n"


class Provider:
    """A provider's HTTP API: transfers behind a cursor, a few a page; it may be down, slow, or talk nonsense."""

    def __init__(self) -> None:
        self.transfers: list[dict[str, Any]] = []
        self.down = False
        self.slow = False
        self.nonsense: Any = None
        self.asked: list[str] = []
        self.app = FastAPI()
        self.app.get("/transfers")(self.page)

    async def page(self, request: Request, limit: int, after: str = "0") -> Any:
        self.asked.append(after)
        if request.headers.get("authorization") != "Bearer secret":
            raise HTTPException(401)
        if self.down:
            raise HTTPException(503)
        if self.slow:
            await asyncio.sleep(60)
        if self.nonsense is not None:
            return self.nonsense
        some = self.transfers[int(after) : int(after) + limit]
        return {"transfers": some, "next": str(int(after) + len(some))}


def told(number: int, **facts: Any) -> dict[str, Any]:
    return {"transfer_id": f"H{number}", "amount": "690.00", "posted_on": "2025-03-14"} | facts


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def feed(provider: Provider) -> AsyncIterator[HttpFeed]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(provider.app)) as client:
        yield HttpFeed("bank", client, "http://bank/transfers", "secret", limit=2)


class Feeding(Instance):
    """An instance that reads feeds before it looks for money."""

    def __init__(self, database: Database, *sources: Source, seconds: float = 5) -> None:
        super().__init__(database)
        repository = Repository(TERMS)
        self.keeper = FeedSync(
            sources, repository, database, self.clock, record=transfer_arrived, seconds=seconds, fresh_seconds=0
        )
        self.consumer.routes.prefetch = self.keeper.prefetch

    async def sent(self) -> list[Message]:
        await self.relay.sweep()
        return self.post.taken()


async def rows(database: Database, sql: str, *values: Any) -> list[Any]:
    async with database.connection() as connection:
        return await connection.fetch(sql, *values)


async def recorded(database: Database) -> set[str]:
    return {row["transfer_id"] for row in await rows(database, "SELECT transfer_id FROM payments")}


def names(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


async def test_pages_are_read_behind_the_cursor_that_the_database_keeps(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    provider.transfers = [told(number) for number in range(5)]
    (done,) = await Feeding(database, feed).keeper.synchronise()
    assert (done.lines, done.broken, done.problem) == (5, 0, None)
    assert await recorded(database) == {"H0", "H1", "H2", "H3", "H4"}
    provider.asked.clear()
    provider.transfers.append(told(5))
    (done,) = await Feeding(database, feed).keeper.synchronise()  # another process
    assert (done.lines, provider.asked[0]) == (1, "5")
    assert len(await recorded(database)) == 6


async def test_a_feed_that_fails_keeps_what_it_told_and_says_so(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    provider.transfers = [told(0)]
    instance = Feeding(database, feed, seconds=0.5)
    await instance.keeper.synchronise()
    for trouble, problem in (("down", "bank answers 503"), ("slow", "took longer than 0.5 s")):
        provider.down, provider.slow = trouble == "down", trouble == "slow"
        (done,) = await instance.keeper.synchronise()
        assert problem in (done.problem or "")
        (kept,) = await rows(database, "SELECT * FROM feeds")
        assert (kept["cursor"], problem in kept["problem"]) == ("1", True)
    provider.slow, provider.transfers = False, [told(0), told(1)]
    await instance.keeper.synchronise()
    (kept,) = await rows(database, "SELECT * FROM feeds")
    assert (kept["cursor"], kept["problem"]) == ("2", None)


@pytest.mark.parametrize("nonsense", [[], {"transfers": 1}, {"transfers": [], "next": 7}, "text"])
async def test_an_answer_that_makes_no_sense_is_a_feed_that_is_down(
    database: Database, provider: Provider, feed: HttpFeed, nonsense: Any
) -> None:
    provider.nonsense = nonsense
    (done,) = await Feeding(database, feed).keeper.synchronise()
    assert done.problem is not None


async def test_broken_lines_are_kept_once_and_the_rest_goes_in(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    provider.transfers = [told(0), told(1, amount="-5"), "text", told(3), told(0, amount="1.00")]
    instance = Feeding(database, feed)
    (done,) = await instance.keeper.synchronise()
    assert (done.lines, done.broken) == (5, 3)
    assert await recorded(database) == {"H0", "H3"}
    await rows(database, "UPDATE feeds SET cursor = NULL")  # all over again
    await instance.keeper.synchronise()
    broken = await rows(database, "SELECT field, remedy FROM broken_lines ORDER BY field")
    assert [row["field"] for row in broken] == ["amount", "amount", "line"]
    assert all(row["remedy"] for row in broken)
    assert await recorded(database) == {"H0", "H3"}


async def test_money_in_the_feed_is_found_at_the_first_look(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    provider.transfers = [told(0)]
    assert names(await Feeding(database, feed).tell(reserve())) == ["PaymentReserved"]


async def test_an_attempt_reads_the_feed_first(database: Database, provider: Provider, feed: HttpFeed) -> None:
    instance = Feeding(database, feed)
    assert names(await instance.tell(reserve())) == ["PaymentAwaited"]
    provider.transfers = [told(0)]
    await instance.tell(search())
    sent = await instance.sent()
    assert "PaymentReserved" in names(sent)
    assert await rows(database, "SELECT FROM payment_requests WHERE status = 'reserved'")


async def test_a_feed_that_cannot_be_read_uses_the_attempt_up(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    instance = Feeding(database, feed)
    await instance.tell(reserve())
    provider.down = True
    (waits,) = await instance.tell(search())
    assert (type(waits).__name__, getattr(waits, "attempt", None)) == ("PaymentAwaited", 2)


async def test_without_the_look_at_the_feed_the_money_is_not_found(
    database: Database, provider: Provider, feed: HttpFeed
) -> None:
    """The proof that the tests above test something."""
    instance = Feeding(database, feed)
    instance.consumer.routes.prefetch = None
    provider.transfers = [told(0)]
    assert names(await instance.tell(reserve())) == ["PaymentAwaited"]


async def test_what_breaks_the_look_outside_stops_no_message(database: Database) -> None:
    async def broken(_: Any) -> None:
        raise RuntimeError("no news")

    instance = Instance(database)
    instance.consumer.routes.prefetch = broken
    assert names(await instance.tell(transfer(), reserve())) == ["PaymentReserved"]


def settled(file: Path, clock: Ticking, content: str | bytes) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    before = (clock() - timedelta(minutes=1)).timestamp()
    os.utime(file, (before, before))


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def test_files_in_a_folder_are_read_and_moved_aside(database: Database, tmp_path: Path) -> None:
    clock = Ticking()
    folder = WatchedFolder("folder", tmp_path, CsvLayout(source="bac"), CamtLayout(source="bac"), clock=clock)
    keeper = Feeding(database, folder).keeper
    settled(tmp_path / "a.csv", clock, HEADING + "T1,690.00,2025-03-14,,,,\nT2,none,2025-03-14,,,,\n")
    settled(tmp_path / "b.xml", clock, statement(entry(details(ref="T3")), entry(details(ref="T1"))))
    settled(tmp_path / "notes.txt", clock, "not ours")
    fresh = tmp_path / "c.csv"
    fresh.write_text(HEADING + "T4,1.00,2025-03-14,,,,\n")
    os.utime(fresh, (clock().timestamp(), clock().timestamp()))  # somebody writes it still
    (done,) = await keeper.synchronise()
    assert (done.lines, done.broken) == (4, 1)
    assert await recorded(database) == {"T1", "T3"}  # T1 in both files is one transfer
    assert names_in(tmp_path) == {"notes.txt", "c.csv", "done"}
    assert names_in(tmp_path / "done") == {"a.csv", "b.xml"}
    (broken,) = await rows(database, "SELECT * FROM broken_lines")
    assert (broken["file"], broken["number"], broken["field"]) == ("a.csv", 3, "amount")
    assert broken["line"] == "T2,none,2025-03-14,,,,"
    settled(tmp_path / "a.csv", clock, HEADING + "T5,2.00,2025-03-14,,,,\n")  # the bank names every file alike
    await keeper.synchronise()
    assert names_in(tmp_path / "done") == {"a.csv", "a-2.csv", "b.xml"}


async def test_a_folder_that_is_not_there_is_a_feed_that_is_down(database: Database, tmp_path: Path) -> None:
    folder = WatchedFolder("folder", tmp_path / "gone", CsvLayout(), CamtLayout(), clock=Ticking())
    (done,) = await Feeding(database, folder).keeper.synchronise()
    assert "folder" in (done.problem or "")


async def test_a_file_that_cannot_be_moved_counts_once_and_is_told(database: Database, tmp_path: Path) -> None:
    clock = Ticking()
    keeper = Feeding(database, WatchedFolder("folder", tmp_path, CsvLayout(), CamtLayout(), clock=clock)).keeper
    (tmp_path / "done").write_text("a file where a folder should be")
    settled(tmp_path / "a.csv", clock, HEADING + "T1,690.00,2025-03-14,,,,\n")
    settled(tmp_path / "b.csv", clock, HEADING + "T2,690.00,2025-03-14,,,,\n")
    for _ in range(2):
        (told,) = await keeper.synchronise()
        assert "a.csv cannot be moved to done/" in (told.problem or "")
    assert await recorded(database) == {"T1", "T2"}
    assert len(await rows(database, "SELECT FROM ledger")) == 2


class Faulty:
    """A source with a bug."""

    name = "faulty"

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        raise IndexError("odd")
        yield


async def test_a_fault_in_one_feed_leaves_the_others_their_money(database: Database, tmp_path: Path) -> None:
    clock = Ticking()
    settled(tmp_path / "a.csv", clock, HEADING + "T1,690.00,2025-03-14,,,,\n")
    folder = WatchedFolder("folder", tmp_path, CsvLayout(), CamtLayout(), clock=clock)
    faulty, good = await FeedSync(
        [Faulty(), folder], Repository(TERMS), database, clock, record=transfer_arrived
    ).synchronise()
    assert (faulty.problem, good.lines) == ("faulty: IndexError: odd", 1)
    assert await recorded(database) == {"T1"}


class Hasty(WatchedFolder):
    """A folder that is read for two pages before time is over."""

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        given = 0
        async for page in super().pages(cursor):
            if given == 2 and page.lines:
                await asyncio.sleep(60)
            yield page
            given += 1


def a_large_file(folder: Path, lines: int) -> None:
    file = folder / "large.csv"
    text = "".join(f",{1 + number % 7}.00,2025-03-14,,,,\n" for number in range(lines))  # many are equal
    file.write_text(HEADING + text)
    os.utime(file, (0, 0))


@pytest.mark.parametrize("another_process", [False, True])
async def test_a_large_file_goes_on_where_time_was_over(
    database: Database, tmp_path: Path, another_process: bool
) -> None:
    a_large_file(tmp_path, 2_300)
    folder = Hasty("folder", tmp_path, CsvLayout(), CamtLayout(), clock=Ticking())
    told = []
    for _ in range(3):
        if another_process:
            folder = Hasty("folder", tmp_path, CsvLayout(), CamtLayout(), clock=Ticking())
        (done,) = await Feeding(database, folder, seconds=2).keeper.synchronise()
        told.append(done.lines)
    assert told == [1000, 1000, 300], "no line is read a second time"
    assert len(await recorded(database)) == 2_300
    assert names_in(tmp_path) == {"done"}
    (kept,) = await rows(database, "SELECT * FROM feeds")
    assert (kept["cursor"], kept["problem"]) == ("", None)


async def test_lines_that_were_read_and_not_recorded_come_again(tmp_path: Path) -> None:
    a_large_file(tmp_path, 700)
    folder = WatchedFolder("folder", tmp_path, CsvLayout(), CamtLayout(), clock=Ticking())

    async def first() -> Page:
        async for page in folder.pages(None):
            return page
        raise AssertionError

    lost = await first()
    again = await first()
    assert list(again.lines) == list(lost.lines)
    await again.recorded()
    assert len((await first()).lines) == 200
    a_large_file(tmp_path, 600)  # another file of that name
    assert len((await first()).lines) == 500


async def test_two_instances_that_read_one_folder_count_everything_once(database: Database, tmp_path: Path) -> None:
    clock = Ticking()
    lines = "".join(f"T{number},1.00,2025-03-14,,,,\n" for number in range(1200))
    settled(tmp_path / "a.csv", clock, HEADING + lines + "T9999,none,2025-03-14,,,,\n")
    keepers = [
        Feeding(database, WatchedFolder("folder", tmp_path, CsvLayout(), CamtLayout(), clock=clock), seconds=30).keeper
        for _ in range(2)
    ]
    await asyncio.gather(*[keeper.synchronise() for keeper in keepers])
    assert len(await recorded(database)) == 1200
    assert len(await rows(database, "SELECT FROM broken_lines")) == 1
    assert len(await rows(database, "SELECT FROM ledger")) == 1200


class Counted:
    """A source that counts how often it is read."""

    name = "counted"

    def __init__(self) -> None:
        self.reads = 0

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        self.reads += 1
        yield Page([BrokenLine(1, "line", "is odd", "leave it", "x")], cursor=cursor)


async def test_many_attempts_at_once_read_each_feed_once(database: Database) -> None:
    source = Counted()
    keeper = FeedSync([source], Repository(TERMS), database, Ticking(), record=transfer_arrived, fresh_seconds=60)
    await asyncio.gather(*[keeper.prefetch([reserve(), search()]) for _ in range(20)])
    await keeper.prefetch([transfer()])  # needs no news
    assert source.reads == 1


def test_what_needs_no_news_waits_for_none() -> None:
    assert routes(Repository(TERMS)).prefetch is None
    assert record_of(transfer())
