"""CSV for spreadsheets: no cell runs as a formula, numbers stay numbers, and all is read back as it was."""

from __future__ import annotations

import ast
import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.safety import spreadsheets
from shared.safety.spreadsheets import heading, lines, marked, reader, unmarked, unmarked_row
from tests.support.paths import ROOT

SIGNS = "=+-@＝＋－＠"
FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "  =1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tharmless",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "'=1+1",
    '"=1+1',
    "' =1+1",
    "--1",
    "-",
    "=",
    "+503 2222 3333",
    "-5;=1+1",
    "5\n=1+1",
    "-5\t@SUM(1)",
]
KEPT = ["", "-5.00", "+5", "-1,234.50", "0", "Ana", "Ana = Luz", "a-b", "ana@posada.example", "'quoted'", '"x"', "1;2"]
TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from(f"{SIGNS}'\"\t\r\n;, \u00a0\ufeff0159.ax"), st.characters()), max_size=12
)


def runs(cell: str) -> bool:
    """Whether a spreadsheet could run it, told otherwise than the code does it."""
    for piece in re.split(r"[;\t\r\n]", cell):
        seen = piece.lstrip().lstrip("\u00a0\ufeff\u200b").lstrip()
        if seen[:1] and seen[0] in SIGNS and not re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)*\s*", seen):
            return True
    return cell[:1] in {"\t", "\r", "\n"} and bool(cell)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_and_comes_back(text: str) -> None:
    cell = marked(text)
    assert cell != text
    assert not runs(cell)
    assert unmarked(cell) == text


@pytest.mark.parametrize("text", KEPT)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert marked(text) == unmarked(text) == text


@given(TEXTS)
@example("''=1")
@example("'\t")
@example("'\t'=x")
@example("'=1;'=2")
def test_every_text_comes_back_and_none_runs(text: str) -> None:
    cell = marked(text)
    assert not runs(cell)
    assert unmarked(cell) == text


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=4))
def test_a_file_comes_back(rows: list[list[str]]) -> None:
    text = heading(("a", "b")) + lines(("a", "b"), [{"a": a, "b": b} for a, b in rows])
    found = [unmarked_row(row) for row in reader(io.StringIO(text, newline=""), beyond="more")]
    assert [[row["a"], row["b"]] for row in found] == rows
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(map(runs, row))


def test_cells_beyond_the_heading_are_told() -> None:
    (row,) = reader(io.StringIO("a\r\n1,'=2\r\n", newline=""), beyond="more")
    assert unmarked_row(row) == {"a": "1", "more": ["'=2"]}


WRITERS = {"writer", "DictWriter", "to_csv", "write_csv"}


def test_nothing_writes_csv_past_it() -> None:
    """A new export takes `shared.safety.spreadsheets.lines`."""
    own = Path(spreadsheets.__file__)
    found: list[tuple[Path, str]] = []
    for folder in ("services", "shared", "posada"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                name = node.attr if isinstance(node, ast.Attribute) else None
                if isinstance(node, ast.ImportFrom) and node.module == "csv":
                    name = next((one.name for one in node.names if one.name in WRITERS), None)
                if name in WRITERS and (name != "writer" or ast.unparse(node).startswith(("csv", "from csv"))):
                    found.append((file, str(name)))
            told = file.read_text(encoding="utf-8")
            if "text/csv" in told:
                assert "spreadsheets" in told or "catalogue import csv" in told, f"{file} makes CSV by itself"
    assert found == [(own, "writer")], "take shared.safety.spreadsheets.lines"
