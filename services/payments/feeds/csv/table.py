"""The table in a CSV file: where it begins, which columns are ours, and which lines the layout counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from services.payments.feeds.csv.layout import DESCRIBING, NEEDED, CsvLayout, same_heading
from services.payments.feeds.csv.records import Record
from services.payments.feeds.csv.words import decides, why_not
from services.payments.feeds.lines import Broken, BrokenLine

MOST_BEFORE: Final = 100  # lines that may stand before the heading
LOST: Final = re.compile("[\udc80-\udcff\0]")  # bytes that are none of the encoding's
_NEARER: Final = ("line", *NEEDED, "only")
_TORN: Final = re.compile(r"\D*\d{1,3},(\d{3}([.,]\d*)?|\d{2})\D*")
_NUMBERED: Final = re.compile(r"(.+)#(\d{1,3})")
_CHECK: Final = "name the bank's heading in the layout's columns, and check delimiter and encoding"
_QUOTE: Final = "put cells that hold the delimiter into quotation marks"


class Table:
    """Looks for the heading, and gives a line's cells by our fields."""

    def __init__(self, layout: CsvLayout) -> None:
        self._layout = layout
        self._first: Record | None = None
        self._wrong: Broken | None = None
        self._looked_at = 0
        self._headings: Sequence[str] = ()
        self._places: dict[str, list[int]] = {}
        self._only: dict[int, set[str]] = {}
        self._worded: Sequence[int] = ()
        self.begun = False
        self.given_up = False

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._headings)

    def look_at(self, record: Record) -> None:
        """Begin behind this record if it is the heading."""
        wanted = self._layout.heading_line
        if wanted is not None and record.number < wanted:
            return
        self._first = self._first or record
        self._looked_at += 1
        try:
            if record.broken:
                raise record.broken
            self._begin(record.cells)
        except Broken as wrong:
            self._wrong = self._nearer(wrong)
            self.given_up = wanted is not None or self._looked_at >= MOST_BEFORE

    def problem(self) -> BrokenLine | None:
        """Why there is no table; None where there is one."""
        if self.begun:
            return None
        if self._wrong is None or self._first is None:
            return BrokenLine(1, "line", "the file has no heading", "give the file that the bank's site exports")
        wrong, first = self._wrong, self._first
        return BrokenLine(first.number, wrong.field, wrong.problem, wrong.remedy or _CHECK, first.text)

    def given(self, cells: Sequence[str]) -> dict[str, str]:
        """A line's cells by our fields.

        Raises:
            Broken: when it has more cells than the heading, or a heading stands twice over different ones.
        """
        if any(cells[self.width :]) or (len(cells) > self.width and self._is_torn(cells)):
            raise Broken("line", f"the line has {len(cells)} cells, the heading {self.width}", _QUOTE)
        return {name: self._one_of(name, places, cells) for name, places in self._places.items()}

    def why_not(self, cells: Sequence[str]) -> str:
        """Why a line is no money that came in, as the layout or the bank's own words say; empty if it may be.

        A layout that says which lines count is the only one to say so. What describes the money decides nothing.
        """
        for place, counted in self._only.items():
            if same_heading(_at(cells, place)) not in counted:
                return f"another {self._headings[place]} than the layout counts"
        reasons = (why_not(self._headings[place], _at(cells, place)) for place in self._worded)
        return next(filter(None, reasons), "")

    def _begin(self, cells: Sequence[str]) -> None:
        found: dict[str, list[int]] = {}
        for place, cell in enumerate(cells):
            found.setdefault(same_heading(cell), []).append(place)
        places = {name: _places(found, heading) for name, heading in self._layout.columns.items()}
        for name in NEEDED:
            if not places.get(name):
                raise Broken(name, f"the heading has no column {self._layout.columns.get(name, name)}")
        for heading in self._layout.only:
            if not _places(found, heading):
                raise Broken("only", f"the heading has no column {heading}")
        self._headings, self.begun = cells, True
        self._places = {name: where for name, where in places.items() if where}
        describing = {place for name in DESCRIBING for place in places.get(name, ())}
        own_words = {place for place, heading in enumerate(cells) if decides(heading)} - describing
        self._worded = () if self._layout.only else sorted(own_words)
        self._only = {
            place: {same_heading(value) for value in values}
            for heading, values in self._layout.only.items()
            for place in _places(found, heading)
        }

    def _nearer(self, wrong: Broken) -> Broken:
        """Of two reasons why no line is the heading, the one of a line that had the more of it."""
        if self._wrong is None or _NEARER.index(wrong.field) > _NEARER.index(self._wrong.field):
            return wrong
        return self._wrong

    def _is_torn(self, cells: Sequence[str]) -> bool:
        """Whether the delimiter in an amount made two cells of it: then all behind it stand one place too far."""
        torn = (_at(cells, place) + "," + _at(cells, place + 1) for place in self._places["amount"])
        return any(_TORN.fullmatch(one) for one in torn)

    def _one_of(self, name: str, places: Sequence[int], cells: Sequence[str]) -> str:
        values = {_at(cells, place) for place in places}
        if len(values) > 1:
            heading = self._headings[places[0]]
            choice = " or ".join(f"{heading}#{number}" for number in range(1, len(places) + 1))
            problem = f"the heading has the column {heading} {len(places)} times, and they differ"
            raise Broken(name, problem, f"name one of them in the layout: {choice}")
        return values.pop()


def decoded(text: str) -> str:
    """A describing text with a mark for each byte that is none of the encoding's."""
    return LOST.sub("\ufffd", text)


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _places(found: Mapping[str, list[int]], heading: str) -> list[int]:
    """Where a heading stands; `Monto#2` is the second of that name."""
    if wanted := found.get(same_heading(heading)):
        return wanted
    numbered = _NUMBERED.fullmatch(heading.strip())
    if not numbered:
        return []
    places, number = found.get(same_heading(numbered[1]), []), int(numbered[2])
    return [places[number - 1]] if 0 < number <= len(places) else []
