"""The records of a CSV file: bytes of any length become lines, and lines become cells with the number of the first."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from services.payments.feeds.lines import Broken

LONGEST_LINE: Final = 50_000  # characters; a bank's has some hundred
MOST_OF_A_LINE: Final = 200  # so many times as long, and its end is no longer looked for
MOST_JOINED: Final = 20  # lines that one quoted cell may stand on
_UNCLOSED: Final = "close every quotation mark on the line that opens it"
_TOO_LONG: Final = "export the file again: a bank's lines are short"
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_MARKED: Final = {BOM_UTF8: "utf-8-sig", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class Record:
    """Cells, or why there are none; `number` is the file's line on which they begin, from 1."""

    number: int
    text: str
    cells: Sequence[str] = ()
    broken: Broken | None = None
    ends: bool = False


@dataclass
class Records:
    """Goes through a file's records. `whole` says whether a line is a record by itself: then it is no cell's rest.

    A stray quotation mark costs the line that it stands on, and not the rest of the file.
    """

    stream: BinaryIO
    encoding: str
    delimiter: str
    whole: Callable[[Sequence[str]], bool] = field(default=lambda _: False)
    number: int = 0
    _ahead: deque[tuple[int, str | None]] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Record]:
        self._lines = _text_of(self.stream, self.encoding)
        while True:
            number, line = self._next()
            if line == "":
                return
            if line is None:
                problem = f"the line is longer than {LONGEST_LINE} characters"
                yield Record(number, "", broken=Broken("line", problem, _TOO_LONG), ends=not self._passed())
            elif found := _SEPARATOR.fullmatch(line.strip()) if number == 1 else None:
                self.delimiter = found[1]
            elif line.strip():
                yield self._record(number, line.rstrip("\r\n"))

    def _record(self, number: int, line: str) -> Record:
        try:
            return Record(number, line, self._cells(line))
        except csv.Error as wrong:
            problem = str(wrong)
        if line.count('"') % 2:
            joined = self._joined(line)
            if joined:
                return Record(number, *joined)
        return Record(number, line, broken=Broken("line", problem, _UNCLOSED))

    def _joined(self, line: str) -> tuple[str, Sequence[str]] | None:
        """The record that a quoted cell makes of this line and the next ones; None if they are lines of their own."""
        taken: list[tuple[int, str | None]] = []
        while len(taken) < MOST_JOINED:
            number, more = self._next()
            taken.append((number, more))
            if not more or self._is_whole(more):
                break
            line = f"{line}\n{more.rstrip()}"
            if len(line) > LONGEST_LINE:
                break
            try:
                return line, self._cells(line)
            except csv.Error:
                continue
        self._ahead.extendleft(reversed(taken))
        return None

    def _is_whole(self, line: str) -> bool:
        try:
            return self.whole(self._cells(line.rstrip("\r\n")))
        except csv.Error:
            return False

    def _cells(self, line: str) -> list[str]:
        cells = next(csv.reader([line], delimiter=self.delimiter, strict=True), [])
        return [" ".join(cell.split()) if "\n" in cell else cell.strip() for cell in cells]

    def _next(self) -> tuple[int, str | None]:
        """The next line with its number; "" behind the last one, None for one that is too long."""
        if self._ahead:
            return self._ahead.popleft()
        line = self._lines.readline(LONGEST_LINE)
        if not line:
            return self.number, ""
        self.number += 1
        is_long = len(line) == LONGEST_LINE and not line.endswith(("\r", "\n"))
        return self.number, None if is_long else line.removeprefix("\ufeff")

    def _passed(self) -> bool:
        """Pass over the rest of a line; False where its end is nowhere near: then this is no file of lines."""
        for _ in range(MOST_OF_A_LINE):
            rest = self._lines.readline(LONGEST_LINE)
            if len(rest) < LONGEST_LINE or rest.endswith(("\r", "\n")):
                return True
        return False


class _Rest(io.RawIOBase):
    """A stream's bytes again from the first ones, which were looked at. Closing it leaves the stream open."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._read = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._head[: len(buffer)] or self._read(len(buffer)) or b""
        self._head = self._head[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)


def _text_of(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """The stream as text: a byte order mark says more surely than a layout how it is encoded."""
    head = stream.read(len(BOM_UTF8)) or b""
    found = next((name for mark, name in _MARKED.items() if head.startswith(mark)), encoding)
    return io.TextIOWrapper(io.BufferedReader(_Rest(head, stream)), found, errors="surrogateescape", newline="")
