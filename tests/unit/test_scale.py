"""Every test that does a part of a count is found by `make test-long`."""

from __future__ import annotations

from tests.support.paths import ROOT

USES = "tests.support.scale import"
FOUND_BY = ("pytest.mark.long", "@given(")


def test_who_does_a_part_is_marked() -> None:
    tests = [file for file in (ROOT / "tests").rglob("test_*.py") if USES in file.read_text(encoding="utf-8")]
    assert len(tests) > 5
    assert [file.name for file in tests if not any(mark in file.read_text(encoding="utf-8") for mark in FOUND_BY)] == []
