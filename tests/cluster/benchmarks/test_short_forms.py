"""The benchmarks of the hot path in their shortest form, with real services: they start, measure and print."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.bookings import hot_path
from benchmarks.bookings.lone import Pauses
from benchmarks.rivals import __main__ as rivals
from benchmarks.rivals.plan import Plan

pytestmark = pytest.mark.real
SHORTEST = Plan(warm_up=(2, 2.0, 10), levels=((1, 1.0, 10), (4, 1.0, 20)), quiet_s=0.0, longest_s=300.0, rounds=20)


def test_posada_is_measured_beside_its_rivals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rivals, "SHORT", SHORTEST)
    monkeypatch.setattr(rivals.install, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["rivals", "--short", "--only", "posada"])
    rivals.main()
    posada = json.loads(capsys.readouterr().out)["engines"]["posada"]
    assert not posada["failed"]
    assert posada["faults"] == []
    assert [level["clients"] for level in posada["levels"]] == [1, 4]
    assert 0 < posada["floor_ms"] < posada["levels"][0]["p50_ms"]


def test_the_hot_path_has_its_levels_and_lone_requests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hot_path", "--short"])
    hot_path.main()
    figures = json.loads(capsys.readouterr().out)
    assert [level["clients"] for level in figures["levels"]] == [1, 4]
    alone = figures["lone"]
    assert alone["requests"] == hot_path.SHORT.lone.number
    assert 0 < figures["floor_ms"] < alone["p50_ms"] <= alone["p95_ms"]
    assert 0 < alone["floor_p50_ms"] <= alone["floor_p95_ms"]


def test_lone_requests_come_at_random_but_each_time_the_same() -> None:
    pauses = Pauses(2000, 5.0).all()
    assert pauses == Pauses(2000, 5.0).all() != Pauses(2000, 5.0, seed=14).all()
    assert sum(pauses) / len(pauses) == pytest.approx(5, rel=0.1)
    assert min(pauses) >= 1
