"""The catalogue as CSV: a line for each record, its kind in the first column. Invalid lines are reported one by one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from pydantic import BaseModel, ValidationError

from services.availability.catalogue.model import BY_KIND, RECORDS, SEPARATOR, Record
from shared.errors import Refusal
from shared.safety import spreadsheets
from shared.validation_errors import validation_errors

KIND = "record"
COLUMNS = (KIND, *dict.fromkeys(name for record in RECORDS for name in record.model_fields))
_LISTS = {"inclusions", "types", "weekdays"}
_EXTRA = "unexpected"


class BrokenLine(BaseModel):
    """An invalid line: its number in the file, the field, what is wrong, and what to do."""

    number: int
    field: str
    problem: str
    remedy: str


def read(stream: TextIO) -> Iterator[tuple[int, Record] | BrokenLine]:
    """Every line of a file, as a record with its number or as a BrokenLine; the header is line 1.

    Raises:
        Refusal: when the header is not a catalogue's.
    """
    lines = spreadsheets.reader(stream, beyond=_EXTRA)
    _check_header(lines.fieldnames)
    while True:
        try:
            row = next(lines, None)
        except csv.Error as error:
            yield BrokenLine(number=lines.line_num, field="line", problem=str(error), remedy="correct its quotes")
            continue
        if row is None:
            return
        yield _line(lines.line_num, spreadsheets.unmarked_row(row))


def write(records: Iterable[Record]) -> str:
    """The records as lines, without a header."""
    return spreadsheets.lines(COLUMNS, map(_row, records))


def header() -> str:
    """The header line."""
    return spreadsheets.heading(COLUMNS)


def broken_by(number: int, refusal: Refusal, record: Record) -> BrokenLine:
    """The report about a valid line that was refused."""
    problem, _, remedy = refusal.text.rpartition("; ")
    if not problem:
        problem, _, remedy = refusal.text.rpartition(": ")
    field = str(refusal.details.get("field") or record.keys[-1])
    return BrokenLine(number=number, field=field, problem=problem or remedy, remedy=remedy)


def _check_header(names: Any) -> None:
    given = [name.strip() for name in names or ()]
    unknown = [name for name in given if name not in COLUMNS]
    if KIND not in given or unknown:
        problem = f"has no column {unknown[0]!r}" if unknown else f"needs a column named {KIND}"
        text = f"line 1: a catalogue {problem}; the columns are {', '.join(COLUMNS)}"
        raise Refusal("invalid_request", text, field="header")
    twice = [name for name in given if given.count(name) > 1]
    if twice:
        raise Refusal("invalid_request", f"line 1: column {twice[0]!r} appears twice; remove one", field="header")


def _line(number: int, row: dict[str, Any]) -> tuple[int, Record] | BrokenLine:
    if row.pop(_EXTRA, None):
        problem = "has more cells than the header"
        return BrokenLine(number=number, field="line", problem=problem, remedy="put text with commas in quotes")
    cells = {name.strip(): value.strip() for name, value in row.items() if value and value.strip()}
    model = BY_KIND.get(cells.pop(KIND, ""))
    if model is None:
        remedy = f"write one of {', '.join(BY_KIND)}"
        return BrokenLine(number=number, field=KIND, problem="is no kind of record", remedy=remedy)
    foreign = [name for name in cells if name not in model.model_fields]
    if foreign:
        problem = f"is not a field of a {model.kind}"
        return BrokenLine(number=number, field=foreign[0], problem=problem, remedy="leave it empty")
    given = {name: value.split(SEPARATOR) if name in _LISTS else value for name, value in cells.items()}
    try:
        return number, model.model_validate(given)
    except ValidationError as error:
        first = validation_errors(error.errors(include_url=False, include_input=False))[0]
        problem, _, remedy = first["problem"].partition(": ")
        field = first["field"] if first["field"] != "body" else model.kind
        return BrokenLine(number=number, field=field, problem=problem, remedy=remedy or "correct it")


def _row(record: Record) -> dict[str, str]:
    cells = record.model_dump(mode="json")
    return {KIND: record.kind} | {name: _cell(value) for name, value in cells.items()}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return SEPARATOR.join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
