"""CSV that people open in spreadsheets: text that one would run as a formula is marked, and read back as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

MARK = "'"
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
# What spreadsheets, or whoever cleans a file, pass over before the sign: blanks, quotes and what nobody sees.
_UNSEEN = "\\s'\"\\x00-\\x1f\\x7f\\xa0\\xad\\u200b-\\u200f\\u2060-\\u2064\\ufeff"
_FORMULA = re.compile(f"[{_UNSEEN}]*(?P<rest>[{_SIGNS}].*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*\s*")
_CONTROL = re.compile("['\"]*[\\t\\r\\n]")
# Where the language's separator is none of ours a cell may be torn apart, and each piece become a cell of its own.
_PIECES = re.compile(r"([;\t\r\n])")


def heading(columns: Sequence[str]) -> str:
    """The first line."""
    return _lines([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """A line for each row, the cells in the order of the columns; what a row lacks is empty."""
    return _lines([marked(row.get(name, "")) for name in columns] for row in rows)


def reader(stream: TextIO, *, beyond: str) -> csv.DictReader[str]:
    """Rows by the file's own heading; cells beyond it are a list under `beyond`. Each goes through `as_it_was`."""
    return csv.DictReader(stream, restkey=beyond, strict=True)


def as_it_was(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's cells without the marks of `lines`."""
    return {name: unmarked(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def marked(text: str) -> str:
    """Text as a cell that no spreadsheet runs; numbers stay numbers."""
    pieces = _PIECES.split(text)
    pieces[::2] = [MARK + piece if _is_formula(piece) else piece for piece in pieces[::2]]
    return (MARK if _CONTROL.match(text) else "") + "".join(pieces)


def unmarked(cell: str) -> str:
    """The text that `marked` made this cell of."""
    if cell.startswith(MARK) and _CONTROL.match(cell, 1):
        cell = cell[1:]
    pieces = _PIECES.split(cell)
    pieces[::2] = [one[1:] if one.startswith(MARK) and _is_formula(one[1:]) else one for one in pieces[::2]]
    return "".join(pieces)


def _is_formula(text: str) -> bool:
    found = _FORMULA.match(text)
    return found is not None and not _NUMBER.fullmatch(found["rest"])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
