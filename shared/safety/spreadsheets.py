"""CSV for spreadsheets: text that would run as a formula is marked on writing, and unmarked on reading."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

MARK = "'"
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
# What spreadsheets and tools ignore before a formula's sign: blanks, quotes and invisible characters.
_UNSEEN = "\\s'\"\\x00-\\x1f\\x7f\\xa0\\xad\\u200b-\\u200f\\u2060-\\u2064\\ufeff"
_FORMULA = re.compile(f"[{_UNSEEN}]*(?P<rest>[{_SIGNS}].*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*\s*")
_CONTROL = re.compile("['\"]*[\\t\\r\\n]")
# A program with another separator may split a cell at these characters; each piece is then a cell.
_PIECES = re.compile(r"([;\t\r\n])")


def heading(columns: Sequence[str]) -> str:
    """The header line."""
    return _lines([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """A line for each row, with cells in the order of the columns; missing values are empty."""
    return _lines([marked(row.get(name, "")) for name in columns] for row in rows)


def reader(stream: TextIO, *, beyond: str) -> csv.DictReader[str]:
    """Rows by the file's header; surplus cells are a list under the key `beyond`. Pass each row to `unmarked_row`."""
    return csv.DictReader(stream, restkey=beyond, strict=True)


def unmarked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's cells without the marks that `lines` added."""
    return {name: unmarked(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def marked(text: str) -> str:
    """Text as a cell that no spreadsheet runs as a formula; numbers stay numbers."""
    pieces = _PIECES.split(text)
    pieces[::2] = [MARK + piece if _is_formula(piece) else piece for piece in pieces[::2]]
    return (MARK if _CONTROL.match(text) else "") + "".join(pieces)


def unmarked(cell: str) -> str:
    """The text of a cell that `marked` wrote."""
    if cell.startswith(MARK) and _CONTROL.match(cell, 1):
        cell = cell[1:]
    pieces = _PIECES.split(cell)
    pieces[::2] = [piece[1:] if piece.startswith(MARK) and _is_formula(piece[1:]) else piece for piece in pieces[::2]]
    return "".join(pieces)


def _is_formula(text: str) -> bool:
    found = _FORMULA.match(text)
    return found is not None and not _NUMBER.fullmatch(found["rest"])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
