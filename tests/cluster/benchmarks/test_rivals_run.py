"""A run over all rivals: who fails costs the others nothing, what was started ends, and the page says what happened."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from benchmarks.bookings.load import Clients
from benchmarks.rivals import __main__ as command
from benchmarks.rivals.engines.choice import Rival, Running
from benchmarks.rivals.plan import Plan
from benchmarks.rivals.run import levels as climbing
from benchmarks.rivals.run import report
from benchmarks.rivals.run.deadline import within
from benchmarks.rivals.run.kept_figures import Kept
from benchmarks.rivals.run.levels import climb
from benchmarks.rivals.run.place import Place
from benchmarks.rivals.run.quiet import Quiet
from deploy.local.processes.waiting import wait_until

PLAN = Plan(warm_up=(2, 60.0, 4), levels=((1, 60.0, 3), (4, 60.0, 8)), quiet_s=0.0, longest_s=60.0)
# A parent that starts a child which hears no request to end, and then both stay.
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
    time.sleep(600)
time.sleep(600)
"""


class Fake(Clients):
    """Answers at once, but for the requests from `bad` on, which do as they are told."""

    bad = 10**9

    async def misbehave(self) -> None:
        raise ConnectionError("the server hung up")

    async def book(self, number: int) -> float:
        if number >= self.bad:
            await self.misbehave()
        return 0.001


class Silent(Fake):
    async def misbehave(self) -> None:
        await asyncio.Event().wait()


def figures(clients: int, rate: float) -> dict[str, Any]:
    return {"clients": clients, "sagas_per_s": rate, "p50_ms": 2.0, "p99_ms": 4.0, "sagas": 10}


def engine(title: str, *levels: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": title, "quiet": True, "busy_percent": 1.0, "levels": list(levels), "faults": [], **more}


async def test_every_level_is_measured() -> None:
    done = await climb(Fake(1), PLAN, lambda _: None)
    assert [level["sagas"] for level in done.levels] == [3, 8]
    assert (done.booked, done.failed) == (15, "")


async def test_the_floor_is_looked_at_before_and_after_one_client() -> None:
    seen: list[int] = []
    load = Fake(1)

    async def look() -> None:
        seen.append(load.number)

    await climb(load, PLAN, lambda _: None, beside_one=look)
    assert seen == [4, 7]


async def test_who_hangs_up_keeps_the_levels_before() -> None:
    load = Fake(1)
    load.bad = 8
    done = await climb(load, PLAN, lambda _: None)
    assert [level["clients"] for level in done.levels] == [1]
    assert done.failed == "with 4 clients the server hung up"


async def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climbing, "PATIENCE_S", -59.9)
    load = Silent(1)
    load.bad = 8
    done = await climb(load, PLAN, lambda _: None)
    assert [level["clients"] for level in done.levels] == [1]
    assert done.failed.startswith("with 4 clients outcomes were missing")


def block() -> None:
    time.sleep(600)


def wait_in_a_loop() -> None:
    uvloop.run(asyncio.sleep(600))


@pytest.mark.parametrize("stuck", [block, wait_in_a_loop])
def test_whoever_is_stuck_is_let_go(stuck: Callable[[], None]) -> None:
    with pytest.raises(TimeoutError, match="not done after"), within(0.2):
        stuck()


def test_what_a_program_started_ends_with_its_place(tmp_path: Path) -> None:
    note = tmp_path / "child"
    with Place(tmp_path, "postgresql://nowhere", "postgresql://nowhere") as place:
        process = place.process("stubborn", [sys.executable, "-c", STUBBORN, str(note)])
        assert wait_until(lambda: note.exists() and bool(note.read_text()), 60)
        both = (process.pid, int(note.read_text()))
        assert all(pid and psutil.pid_exists(pid) for pid in both)
    assert wait_until(lambda: all(_gone(pid) for pid in both), 60)


def _gone(pid: int | None) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_last_words_of_a_program_are_told(tmp_path: Path) -> None:
    with Place(tmp_path, "", "") as place:
        place.process("loud", [sys.executable, "-c", "print('out of memory')"])
        assert wait_until(lambda: "out of memory" in place.last_words(), 60)
        assert "loud:" in place.last_words()


def test_one_is_measured_again_beside_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    whole = Kept(file, PLAN, afresh=True)
    whole.put("plain", engine("plain", figures(1, 100.0), figures(4, 200.0)))
    whole.put("posada", engine("Posada", figures(1, 50.0)))
    again = Kept(file, PLAN, afresh=False)
    again.put("posada", engine("Posada", figures(1, 150.0), figures(4, 400.0)))
    rows = report.rows(json.loads(file.read_text()))
    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("1", "plain", "1.50"),
        ("1", "Posada", "1.00"),
        ("4", "plain", "2.00"),
        ("4", "Posada", "1.00"),
    ]


def test_a_whole_run_and_other_levels_forget_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    Kept(file, PLAN, afresh=True).put("plain", engine("plain", figures(1, 100.0)))
    other = Plan(PLAN.warm_up, PLAN.levels[:1], 0.0, 60.0)
    assert Kept(file, PLAN, afresh=True).results()["engines"] == {}
    assert Kept(file, other, afresh=False).results()["engines"] == {}


def test_the_page_says_who_failed_and_who_broke_what() -> None:
    results = {
        "machine": "Measured somewhere.",
        "clients": [1, 4],
        "engines": {
            "plain": engine("plain", figures(1, 100.0), faults=["2 payments reserved and left"], measured_at=at(10)),
            "dbos": {"title": "DBOS", "left_out": "no network", "measured_at": at(10)},
            "restate": engine("Restate", figures(1, 80.0), failed="with 4 clients silence\nmore", measured_at=at(12)),
        },
    }
    page = report.for_documents(results)
    for said in (
        "plain broke what has to hold: 2 payments reserved and left.",
        "DBOS was left out: no network.",
        "Restate failed: with 4 clients silence.",
        "Not in one go: plain 2026-11-21 10:00",
    ):
        assert said in page
    assert "no room-night twice" not in page
    assert [row[:2] for row in report.rows(results)] == [("1", "plain"), ("1", "Restate")]


def at(hour: int) -> str:
    return f"2026-11-21 {hour}:00"


def test_whatever_becomes_of_one_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    def rival(key: str, why: str | None = None) -> Rival:
        def missing() -> str | None:
            order.append(f"fetch {key}")
            return why

        return Rival(key, key.upper(), True, missing, lambda _: Running(()))

    def run(one: Rival, folder: Path, plan: Plan, say: Any) -> dict[str, Any]:
        order.append(one.key)
        if one.key == "broken":
            raise RuntimeError("it fell over")
        return {"levels": [figures(clients, 100.0) for clients, _, _ in plan.levels], "faults": [], "failed": ""}

    monkeypatch.setattr(command, "RIVALS", (rival("broken"), rival("away", "no network"), rival("well")))
    monkeypatch.setattr(command.rival_run, "run", run)
    monkeypatch.setattr(command, "wait_for_quiet", lambda _: Quiet(0.0, 1.0))
    monkeypatch.setattr(command.install, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["rivals", "--short", "--only", "broken,away,well"])
    with pytest.raises(SystemExit) as left:
        command.main()

    engines = json.loads(capsys.readouterr().out)["engines"]
    assert left.value.code == 1
    assert order == ["fetch broken", "fetch away", "fetch well", "broken", "well"]
    assert engines["broken"]["failed"] == "RuntimeError: it fell over"
    assert engines["away"]["left_out"] == "no network"
    assert len(engines["well"]["levels"]) == 4
