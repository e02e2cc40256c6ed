"""A file that is read part by part: how far it got survives a time-out, and in its cursor the process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, BinaryIO

from services.payments.feeds.lines import Line
from services.payments.transfers import Origin
from shared.safety.files import Opened

AT_ONCE = 500


@dataclass
class Part:
    """What is left of a file behind `done` lines. `mark` tells this file from another of its name.

    `origin` is where its lines come from.

    A time-out ends whoever waits for lines and never the reading itself: lines that were read and not `recorded`
    come again, and none is read twice.
    """

    file: Opened
    mark: tuple[str, int, int]
    done: int = 0
    origin: Origin | None = None
    read: Callable[[BinaryIO], Iterator[Line]] = field(default=lambda _: iter(()))
    _lines: Iterator[Line] | None = None
    _reading: asyncio.Task[list[Line]] | None = None

    async def lines(self) -> list[Line]:
        """The next lines, the same until they are recorded; none at the end."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._next))
        return await asyncio.shield(self._reading)

    async def recorded(self) -> None:
        """These lines are safe."""
        if self._reading is not None:
            self.done += len(await self._reading)
            self._reading = None

    @property
    def here(self) -> Origin | None:
        """Where the next lines come from."""
        return replace(self.origin, line=self.done) if self.origin else None

    def cursor_behind(self, lines: list[Line]) -> str:
        """What to begin behind once these lines are recorded."""
        return json.dumps({"mark": self.mark, "done": self.done + len(lines)})

    async def close(self) -> None:
        """Let go of the file, after a reading that is under way."""
        if self._reading is not None:
            with suppress(Exception):
                await self._reading
            self._reading = None
        if isinstance(self._lines, Generator):
            self._lines.close()
        self._lines = None
        self.file.stream.close()

    def _next(self) -> list[Line]:
        if self._lines is None:
            self._lines = self.read(self.file.stream)
            for _ in islice(self._lines, self.done):  # read again, for what they say of equal lines behind them
                pass
        return list(islice(self._lines, AT_ONCE))


def parted(file: Opened, cursor: str | None) -> Part:
    """A file behind what a cursor says of it; one that says nothing of this very file means its beginning."""
    mark = (file.name, file.facts.st_mtime_ns, file.facts.st_size)
    return Part(file, mark, _done(cursor, mark))


def _done(cursor: str | None, mark: tuple[str, int, int]) -> int:
    try:
        given: Any = json.loads(cursor or "null")
        same = tuple(given["mark"]) == mark
        return max(0, int(given["done"])) if same else 0
    except (ValueError, TypeError, KeyError):
        return 0
