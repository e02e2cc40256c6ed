"""Large files: what is in memory stays small, however many lines there are."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest

from services.payments.feeds.camt import read_camt
from services.payments.feeds.csv import read_csv
from tests.support.scale import scaled
from tests.unit.payments.feeds.test_camt import details, entry, statement

ENTRY = entry(details())
LINES = scaled(10_000, part=2_500)
BOUND = 300 * LINES  # bytes; the ids of a file are remembered


class Written(io.RawIOBase):
    """A file that is made as it is read, so that it takes no memory itself."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            self._rest = next(self._parts, b"")
            if not self._rest:
                return 0
        some, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)


def table(lines: int) -> Iterator[bytes]:
    yield b"transfer_id,amount,posted_on\n"
    for number in range(lines):
        yield f"T{number},1.00,2025-03-14\n".encode()


def statements(lines: int) -> Iterator[bytes]:
    head, _, tail = statement("@").partition(b"@")
    yield head
    for number in range(lines):
        yield ENTRY.replace("TX1", f"TX{number}").encode()
    yield tail


def peak(lines: Iterator[object], *, keep: bool) -> int:
    """The most bytes at once while lines are read one after the other, or kept."""
    tracemalloc.start()
    try:
        count = len(list(lines)) if keep else sum(1 for _ in lines)
        assert count == LINES
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.long
@pytest.mark.parametrize(("read", "made"), [(read_csv, table), (read_camt, statements)], ids=["csv", "camt"])
def test_lines_are_forgotten_once_they_are_read(
    read: Callable[[BinaryIO], Iterator[object]], made: Callable[[int], Iterator[bytes]]
) -> None:
    def lines(number: int = LINES) -> Iterator[object]:
        return read(io.BufferedReader(Written(made(number))))

    list(lines(1))  # what the first line imports is not counted
    assert peak(lines(), keep=False) < BOUND
    assert peak(lines(), keep=True) > 2 * BOUND, "the bound would hold whatever is kept"
