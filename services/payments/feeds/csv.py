"""Reads a bank's CSV: each line becomes money that arrived, or a broken line with its number, field and remedy."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.contracts.common import PaymentMethod
from shared.contracts.payments import TransferArrived

FIELDS = ("transfer_id", "amount", "posted_on", "payer", "reference", "currency", "authorization_number")
NEEDED = ("amount", "posted_on")
LONGEST_LINE = 50_000  # characters; a bank's has some hundred
MOST_BROKEN = 10_000  # lines of one file that are kept for correction
MOST_WITHOUT_ID = 500_000  # different lines of one file that get an id by what they say, each remembered to its end
MOST_OF_A_LINE = 200  # so many times as long, and its end is no longer looked for
_TOO_LONG = "export the file again: a bank's lines are short"
_NUMBER = {
    False: re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?"),
    True: re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"),
}
_REMEDIES = {
    "amount": "give what came in, above zero and with at most two decimals; leave out what was paid away",
    "currency": "give three capital letters, such as USD",
    "posted_on": "write the date as the layout's date_format says, or change date_format",
    "encoding": "name the file's encoding in the layout, such as cp1252",
}


class CsvLayout(BaseModel):
    """How a bank writes its file. A new bank is a new layout, not new code.

    `columns` gives the bank's heading for each of our fields, whatever its case; a field without one stays empty.
    `date_format` is strptime's. `method` None means: a card where there is an authorisation number, else a transfer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "csv"
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    decimal_comma: bool = False
    date_format: str = "%Y-%m-%d"
    currency: str = "USD"
    property_id: str | None = None
    method: PaymentMethod | None = None
    columns: Mapping[str, str] = {name: name for name in FIELDS}

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            raise ValueError(f"there is no encoding {encoding}; try utf-8-sig or cp1252") from None
        return encoding


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be taken. `number` counts the file's lines from 1; `text` is the line, for correction."""

    number: int
    field: str
    problem: str
    remedy: str
    text: str = attribute(default="", repr=False)


def read_csv(stream: BinaryIO, layout: CsvLayout | None = None) -> Iterator[TransferArrived | BrokenLine]:
    """Read a file line by line, good lines and broken ones in its order.

    Only a useless heading ends it early, or more than `MOST_BROKEN` broken lines, or `MOST_WITHOUT_ID` different ones
    without an id of the bank's.
    `stream` is open for bytes and stays open. A line is a line of the file: quoted line breaks are broken lines, so
    that a stray quotation mark costs one line and not the rest of the file. One that is longer than any bank's is
    never in memory whole; where no end of it comes at all, reading ends. A problem never quotes the line.
    """
    return while_worth_it(_lines_of(stream, layout or CsvLayout()))


def while_worth_it(lines: Iterator[TransferArrived | BrokenLine]) -> Iterator[TransferArrived | BrokenLine]:
    """A file's lines until too many of them are broken: each takes more room in the database than in the file."""
    broken = 0
    for line in lines:
        if isinstance(line, BrokenLine):
            broken += 1
            if broken > MOST_BROKEN:
                problem = f"more than {MOST_BROKEN} lines are broken: nothing from this one on was read"
                yield BrokenLine(line.number, "file", problem, "make the layout that of the file, and give it again")
                return
        yield line


def _lines_of(stream: BinaryIO, layout: CsvLayout) -> Iterator[TransferArrived | BrokenLine]:
    reader = _Reader(layout)
    lines = io.TextIOWrapper(stream, reader.layout.encoding, errors="surrogateescape", newline="")
    number = 0
    try:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), ""), 1):
            if len(line) == LONGEST_LINE and not line.endswith(("\r", "\n")):
                yield BrokenLine(number, "line", f"the line is longer than {LONGEST_LINE} characters", _TOO_LONG)
                if not _passed(lines):
                    return
            elif line.strip():
                yield from reader.take(number, line.rstrip("\r\n"))
                if reader.useless:
                    return
        if reader.empty:
            yield BrokenLine(1, "line", "the file has no heading", "give the file that the bank's site exports")
    except UnicodeError as wrong:
        yield BrokenLine(number + 1, "encoding", str(wrong), _REMEDIES["encoding"])
    finally:
        with suppress(ValueError):  # its owner was faster and closed it
            lines.detach()


def transfer_id_of(facts: Mapping[str, str], occurrence: int) -> str:
    """An id for a line whose bank gives none: a hash of its facts, and which of the file's equal lines it is, from 1.

    The same line gets the same id in every file that holds it, as long as a file holds whole days.
    """
    text = "\x1f".join(f"{name}={facts[name]}" for name in sorted(facts))
    return f"{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}-{occurrence}"


class Alike:
    """Tells lines of one file apart that have no id of their own."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether no more can be remembered."""
        return len(self._seen) >= MOST_WITHOUT_ID

    def broken_line(self, number: int) -> BrokenLine:
        """That nothing behind a line is read, because no more can be remembered."""
        problem = f"{len(self._seen)} different lines have no id of the bank's: nothing behind this one was read"
        return BrokenLine(number, "file", problem, "split the file between two days, and give both halves")

    def id_of(self, facts: Mapping[str, str]) -> str:
        """An id for the next line that says this."""
        equal = transfer_id_of(facts, 0)
        self._seen[equal] += 1
        return transfer_id_of(facts, self._seen[equal])


def _plain(amount: Decimal) -> str:
    """The same text however many zeros the bank writes; more than two decimals stay, to be refused."""
    _, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int) or (exponent < -2 and any(digits[exponent + 2 :])):  # noqa: PLR2004 — cents
        return str(amount)
    return f"{amount:.2f}"


def _told(text: str) -> str:
    return "what stands there" if text else "nothing"


def _passed(lines: io.TextIOWrapper) -> bool:
    """Pass over the rest of a line; False where its end is nowhere near: then this is no file of lines."""
    for _ in range(MOST_OF_A_LINE):
        rest = lines.readline(LONGEST_LINE)
        if len(rest) < LONGEST_LINE or rest.endswith(("\r", "\n")):
            return True
    return False


class _Broken(ValueError):
    def __init__(self, field_name: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.field = field_name
        self.problem = problem
        self.remedy = remedy or _REMEDIES.get(field_name, "correct the line and import the file again")


class _Reader:
    """Reads lines under one heading, and counts equal ones."""

    def __init__(self, layout: CsvLayout) -> None:
        self.layout = layout
        self.useless = False
        self._places: dict[str, int] | None = None
        self._width = 0
        self.alike = Alike()

    @property
    def empty(self) -> bool:
        return self._places is None

    def take(self, number: int, line: str) -> Iterator[TransferArrived | BrokenLine]:
        try:
            cells = self._cells(line)
            if self._places is None:
                self._places, self._width = self._heading(cells), len(cells)
            elif any(cells):
                yield self._transfer(cells, self._places)
                if self.alike.full:
                    self.useless = True
                    yield self.alike.broken_line(number)
        except _Broken as broken:
            self.useless = self._places is None
            yield BrokenLine(number, broken.field, broken.problem, broken.remedy, line)

    def _cells(self, line: str) -> list[str]:
        try:
            cells = next(csv.reader([line], delimiter=self.layout.delimiter, strict=True))
        except csv.Error as wrong:
            raise _Broken("line", str(wrong), "close every quotation mark on the line that opens it") from None
        if any("\udc80" <= sign <= "\udcff" for sign in line):
            raise _Broken("encoding", f"the line is not {self.layout.encoding}")
        if "\0" in line:
            raise _Broken("line", "the line holds a null character")
        return [cell.strip() for cell in cells]

    def _heading(self, cells: Sequence[str]) -> dict[str, int]:
        found = {cell.casefold(): place for place, cell in enumerate(cells)}
        columns = {name: heading.strip().casefold() for name, heading in self.layout.columns.items()}
        places = {name: found[heading] for name, heading in columns.items() if heading in found}
        for name in NEEDED:
            if name not in places:
                wanted = self.layout.columns.get(name, name)
                remedy = "name the bank's heading in the layout's columns, and check delimiter and encoding"
                raise _Broken(name, f"the heading has no column {wanted}", remedy)
        return places

    def _transfer(self, cells: Sequence[str], places: Mapping[str, int]) -> TransferArrived:
        if len(cells) > self._width:
            remedy = "put cells that hold the delimiter into quotation marks"
            raise _Broken("line", f"the line has {len(cells)} cells, the heading {self._width}", remedy)
        given = {name: cells[place] for name, place in places.items() if place < len(cells)}
        facts = {name: given[name] for name in FIELDS if given.get(name) and name != "transfer_id"}
        facts["amount"] = _plain(self._amount(given.get("amount", "")))
        facts["posted_on"] = self._date(given.get("posted_on", "")).isoformat()
        facts["currency"] = (given.get("currency") or self.layout.currency).upper()
        return self._validated(facts, given.get("transfer_id") or self.alike.id_of(facts))

    def _validated(self, facts: Mapping[str, str], transfer_id: str) -> TransferArrived:
        method = self.layout.method
        if method is None:
            method = PaymentMethod.CARD_LINK if "authorization_number" in facts else PaymentMethod.BANK_TRANSFER
        line = {**facts, "transfer_id": transfer_id, "source": self.layout.source, "method": method}
        try:
            return TransferArrived.model_validate({**line, "property_id": self.layout.property_id})
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            raise _Broken(str(first["loc"][0]) if first["loc"] else "line", first["msg"]) from None

    def _amount(self, text: str) -> Decimal:
        comma = self.layout.decimal_comma
        bare = "".join(text.split())
        if not _NUMBER[comma].fullmatch(bare):
            wanted = "1.234,50" if comma else "1,234.50"
            raise _Broken("amount", f"{_told(text)} is no amount like {wanted}", "correct it or set decimal_comma")
        return Decimal(bare.replace(".", "").replace(",", ".") if comma else bare.replace(",", ""))

    def _date(self, text: str) -> date:
        try:
            return datetime.strptime(text, self.layout.date_format).date()  # noqa: DTZ007  # the bank's own day
        except ValueError:
            problem = f"{_told(text)} is no date like {self.layout.date_format}"
            raise _Broken("posted_on", problem) from None
