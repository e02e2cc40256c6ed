"""Bank files that are none: links, pipes, bombs and lines without end cost themselves, and tell nobody a secret."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.payments.feeds import folder as folder_module
from services.payments.feeds import lines as feeds_module
from services.payments.feeds.camt import CamtLayout, read_camt
from services.payments.feeds.camt import walk as camt_module
from services.payments.feeds.csv import CsvLayout, read_csv
from services.payments.feeds.csv.records import LONGEST_LINE
from services.payments.feeds.folder import WatchedFolder
from services.payments.feeds.formats import Format
from services.payments.feeds.lines import BrokenLine
from services.payments.feeds.store import keep_broken
from shared.auth.tokens import Caller, Role, issue
from shared.clock import system_clock
from shared.database.pool import Database
from tests.database.payments.feeds.test_sources import HEADING, Feeding, recorded, rows, settled
from tests.support.builders.payments import Ticking
from tests.support.sagas.payments_service import House
from tests.unit.payments.feeds.test_camt import details, entry, statement
from tests.unit.payments.feeds.test_large_files import Written

HIDDEN = "POSADA_API_TOKEN=hush"
KEY = "k" * 40


class Drop:
    """A feed folder beside a secret that its readers must not get at."""

    def __init__(self, root: Path, **given: Any) -> None:
        self.folder = root / "feed"
        self.folder.mkdir()
        (root / "environ").write_text(HIDDEN)
        self.clock = Ticking()
        self.source = WatchedFolder("folder", self.folder, CsvLayout(), CamtLayout(), clock=self.clock, **given)

    def put(self, name: str | bytes, content: str | bytes) -> None:
        settled(self.folder / os.fsdecode(name), self.clock, content)

    def good(self, name: str = "z.csv") -> None:
        self.put(name, HEADING + "T1,690.00,2025-03-14,,,,\n")

    def age(self, name: str) -> None:
        before = (self.clock() - timedelta(minutes=1)).timestamp()
        os.utime(self.folder / name, (before, before), follow_symlinks=False)


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


async def test_a_link_is_refused_by_its_name_and_tells_no_secret(database: Database, drop: Drop) -> None:
    for name, target in (("a.csv", "../environ"), ("b.xml", "/proc/self/environ"), ("c.csv", "z.csv")):
        (drop.folder / name).symlink_to(target)
        drop.age(name)
    os.mkfifo(drop.folder / "d.csv")
    drop.age("d.csv")
    drop.good()
    (told,) = await Feeding(database, drop.source).keeper.synchronise()
    assert await recorded(database) == {"T1"}, "the others are read all the same"
    assert (told.lines, told.broken) == (1, 0)
    for name in ("a.csv is a link", "b.xml is a link", "c.csv is a link", "d.csv is no regular file"):
        assert name in (told.problem or "")
    (kept,) = await rows(database, "SELECT problem FROM feeds")
    assert "a.csv is a link: put the file itself there" in kept["problem"]
    assert await rows(database, "SELECT FROM broken_lines") == []
    assert REGISTRY.get_sample_value("posada_feed_refused_files", {"source": "folder"}) == 4
    for name in "abcd":
        next(drop.folder.glob(f"{name}.*")).unlink()
    (told,) = await Feeding(database, drop.source).keeper.synchronise()
    assert told.problem is None
    assert REGISTRY.get_sample_value("posada_feed_refused_files", {"source": "folder"}) == 0


async def test_a_file_that_is_too_large_is_refused_by_its_name(database: Database, tmp_path: Path) -> None:
    drop = Drop(tmp_path, most_bytes=1000)
    drop.put("a.csv", HEADING + "x" * 1000)
    drop.good()
    (told,) = await Feeding(database, drop.source).keeper.synchronise()
    assert told.problem == "the folder of folder: a.csv has more than 1000 bytes: split it"
    assert await recorded(database) == {"T1"}


async def test_a_name_that_is_no_text_keeps_nothing_back(database: Database, drop: Drop) -> None:
    drop.put(b"a\xff\n.csv", HEADING + "T2,none,2025-03-14,,,,\n")
    drop.good()
    (told,) = await Feeding(database, drop.source).keeper.synchronise()
    assert (told.problem, told.broken) == (None, 1)
    assert await recorded(database) == {"T1"}
    (broken,) = await rows(database, "SELECT file FROM broken_lines")
    assert broken["file"] == "a��.csv"


async def test_one_file_whose_reading_fails_keeps_the_others_not_back(
    database: Database, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[Any]:
        raise IndexError("odd")

    whole = folder_module.format_of
    odd = Format("camt", (".xml",), CamtLayout, broken)
    monkeypatch.setattr(folder_module, "format_of", lambda name: odd if name == "a.xml" else whole(name))
    drop.put("a.xml", statement(entry(details())))
    drop.good()
    (told,) = await Feeding(database, drop.source).keeper.synchronise()
    assert told.problem == "the folder of folder: a.xml cannot be read: IndexError"
    assert await recorded(database) == {"T1"}


async def test_what_a_broken_line_says_is_for_those_who_may_correct_it(
    database: Database, payments_url: str, tmp_path: Path
) -> None:
    house = House(database, payments_url, feed_folder=tmp_path, api_keys={"a": SecretStr(KEY)})
    line = f"T2,{HIDDEN},2025-03-14,Ana Paz,{'r' * 2000},,"
    settled(tmp_path / "a.csv", Ticking(), HEADING + line + "\nT3,5.00,SECRET-DAY,,,,\n")
    async with house.client as client:
        await house.put("/payment-feeds/synchronise", {})
        for role in Role:
            caller = Caller("ana", role)
            token = issue({"a": SecretStr(KEY)}, caller, system_clock(), timedelta(hours=1))
            answer = await client.get("/payment-feeds/broken-lines", headers={"Authorization": f"Bearer {token}"})
            first, _ = answer.json()
            assert (first["file"], first["number"], first["field"]) == ("a.csv", 2, "amount")
            if role is Role.VIEWER:
                assert first["line"] is None
                assert not any(word in answer.text for word in ("hush", "SECRET-DAY", "Ana"))
            else:
                assert first["line"] == line[:500]


async def test_without_a_token_nobody_is_shown_a_line(database: Database, payments_url: str, tmp_path: Path) -> None:
    house = House(database, payments_url, token=None, feed_folder=tmp_path)
    told = [BrokenLine(1, "line", "is odd", "leave it", HIDDEN)]
    async with database.transaction() as connection:
        await keep_broken(connection, "folder", "a.csv", told, system_clock())
    async with house.client as client:
        answer = await client.get("/payment-feeds/broken-lines")
    assert answer.json()[0]["line"] is None


def read(content: bytes) -> list[Any]:
    return list(read_csv(io.BytesIO(content)))


GOOD = b"T1,5,2025-03-14,,,,\n"


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (LONGEST_LINE + 1),
        b"x" * (3 * LONGEST_LINE),
        b"x" * LONGEST_LINE,
        b'"' + b"x" * 40_000,
        b"a," * 20_000,
        b"\0" * 40_000,
        b'T2,1,2025-03-14,"never closed,,,',
        b"T2," + b"9" * 40_000 + b",2025-03-14,,,,",
        b"T2,1," + b"9" * 40_000 + b",,,,",
        b"\xff" * 40_000,
    ],
)
def test_a_line_that_is_none_costs_itself_alone(line: bytes) -> None:
    before, broken, after = read(HEADING.encode() + GOOD + line + b"\n" + GOOD.replace(b"T1", b"T9"))
    assert isinstance(broken, BrokenLine)
    assert broken.number == 3
    assert len(broken.problem) < 200
    assert not isinstance(before, BrokenLine)
    assert not isinstance(after, BrokenLine)


def peak(lines: Iterator[Any]) -> tuple[int, list[Any]]:
    tracemalloc.start()
    try:
        found = list(lines)
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def endless(head: bytes, more: bytes, megabytes: int) -> io.BufferedReader:
    def parts() -> Iterator[bytes]:
        yield head
        for _ in range(megabytes * 1_000_000 // len(more)):
            yield more

    return io.BufferedReader(Written(parts()))


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    used, found = peak(read_csv(endless(HEADING.encode(), b"x" * 10_000, 15)))
    assert used < 2_000_000
    (broken,) = found
    assert "longer than" in broken.problem


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///proc/self/environ">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>'


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, PARAMETER, "<!DOCTYPE Document SYSTEM 'http://127.0.0.1:9/'>"])
def test_entities_are_neither_expanded_nor_fetched(head: str) -> None:
    (broken,) = read_camt(io.BytesIO(statement(entry(details(told="&b;&a;")), head=head)))
    assert isinstance(broken, BrokenLine)
    assert broken.field == "file"


HEAD = b"<Document><BkToCstmrStmt><Stmt>"


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (HEAD, b"<a>" * 1000),
        (HEAD + b"<Ntry>", b"<a>" * 1000),
        (HEAD + b"<Ntry>", b"<a>x</a>" * 1000),
        (HEAD + b"<Ntry><Amt>", b"1" * 10_000),
        (HEAD + b"<Ntry ", b"x" * 10_000),
        (HEAD, b"x" * 10_000),
        (HEAD + b"<!--", b"x" * 10_000),
    ],
)
def test_xml_without_an_end_is_refused_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, head: bytes, more: bytes
) -> None:
    monkeypatch.setattr(camt_module, "MOST_OF_AN_ENTRY", 500_000)
    stream = endless(head, more, 5)
    used, found = peak(read_camt(stream))
    (broken,) = found
    assert stream.read(1), "it was read to its end"
    assert (broken.field, broken.number) == ("file", 1)
    assert used < 20_000_000


def test_what_stands_beside_the_entries_is_forgotten_too() -> None:
    junk = "".join(f"<Bal><Amt>{number}</Amt></Bal>" for number in range(20))
    used, found = peak(
        read_camt(endless(statement("@").partition(b"@")[0], (junk * 20 + entry(details())).encode(), 3))
    )
    assert used < 2_500_000
    assert len(found) > 40


FRESH = {
    "elements": "<n{0}/>",
    "attributes": "<a n{0}=''/>",
    "prefixes": "<p{0}:a xmlns:p{0}='u'/>",
    "namespaces": "<a xmlns='u{0}'/>",
    "long ones": "<n{0}" + "x" * 5_000 + "/>",
}


@pytest.mark.parametrize("written", FRESH.values(), ids=FRESH)
def test_a_statement_with_ever_new_names_is_refused_in_bounded_memory(written: str) -> None:
    """The parser keeps each name to the end, however short the entries are."""

    def parts() -> Iterator[bytes]:
        yield HEAD
        for number in range(20_000):
            yield f"<Ntry>{written.format(number)}</Ntry>".encode()

    stream = io.BufferedReader(Written(parts()))
    used, found = peak(read_camt(stream))
    *passed, broken = found
    assert {line.reason for line in passed} == {"not booked"}
    assert (broken.field, stream.read(1) != b"") == ("file", True)
    assert used < 6_000_000


@pytest.mark.parametrize("part", [b"<a/>", b"<a b='' c=''/>"])
def test_an_entry_of_small_parts_without_end_is_refused_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    """An element takes some hundred bytes of memory, and four in the file."""
    monkeypatch.setattr(camt_module, "MOST_PARTS_OF_AN_ENTRY", 20_000)
    used, found = peak(read_camt(endless(HEAD + b"<Ntry>", part * 1000, 1)))
    assert [(broken.field, broken.number) for broken in found] == [("file", 1)]
    assert used < 8_000_000


def test_an_entry_of_ten_thousand_payments_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camt_module, "MOST_PARTS_OF_AN_ENTRY", camt_module.MOST_PARTS_OF_AN_ENTRY // 20)
    several = "".join(details(ref=f"TX{number}") for number in range(500))
    found = list(read_camt(io.BytesIO(statement(entry(several, amount="345000.00")))))
    assert len(found) == 500


def written_as(kind: str, amounts: list[str]) -> list[Any]:
    if kind == "csv":
        lines = "".join(f"{amount},2025-03-14\n" for amount in amounts)
        return list(read_csv(io.BytesIO(f"amount,posted_on\n{lines}".encode())))
    bare = (entry(details(ref=""), amount=amount) for amount in amounts)
    entries = (one.replace("<AcctSvcrRef>E1", "<AcctSvcrRef>") for one in bare)
    return list(read_camt(io.BytesIO(statement(*entries))))


@pytest.mark.parametrize("kind", ["csv", "camt"])
def test_a_file_of_broken_lines_is_given_up(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Each would be kept for correction, with some hundred bytes in the database for two in the file."""
    monkeypatch.setattr(feeds_module, "MOST_BROKEN", 3)
    kept = written_as(kind, ["x", "1.00", "x", "x"])
    assert [isinstance(line, BrokenLine) for line in kept] == [True, False, True, True]
    *_, last = given_up = written_as(kind, ["x", "1.00", *"xxxxxxx", "2.00"])
    assert len(given_up) == 5
    assert (last.field, "more than 3" in last.problem) == ("file", True)


@pytest.mark.parametrize("kind", ["csv", "camt"])
def test_of_lines_without_an_id_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(feeds_module, "MOST_WITHOUT_ID", 3)
    assert len(written_as(kind, ["1.00"] * 6 + ["2.00"] * 6)) == 12  # alike: two are remembered
    *_, last = found = written_as(kind, [f"{number}.00" for number in range(1, 9)])
    assert len(found) == 4
    assert (last.field, "split the file" in last.remedy) == ("file", True)
