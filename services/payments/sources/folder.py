"""A folder that is watched: settled files are read and moved aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path

from services.payments.feeds import CsvLayout, read_csv
from services.payments.sources.camt import CamtLayout, read_camt
from services.payments.sources.port import FeedDown, Line, Page
from shared.clock import Clock

AT_ONCE = 500
DONE = "done"


class WatchedFolder:
    """Bank files that somebody puts into a folder: .csv in one layout, .xml as camt.053.

    A file is settled when it has not been written for `settled_seconds`: a copy under way is left alone. What is read
    to its end moves to `done/`; its broken lines are kept for correction. One that cannot be moved is read again, and
    counts once all the same.
    """

    def __init__(
        self, name: str, folder: Path, csv: CsvLayout, camt: CamtLayout, *, clock: Clock, settled_seconds: float = 5
    ) -> None:
        self._name = name
        self._folder = folder
        self._csv = csv
        self._camt = camt
        self._clock = clock
        self._settled_seconds = settled_seconds

    @property
    def name(self) -> str:
        """What its broken lines are kept under."""
        return self._name

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """Every settled file, a bounded number of lines at a time; there is no cursor, for files move aside."""
        del cursor
        stuck: list[str] = []
        try:
            for file in await asyncio.to_thread(self._settled):
                async for page in self._read(file, stuck):
                    yield page
        except OSError as wrong:
            raise FeedDown(f"the folder of {self._name}: {type(wrong).__name__}") from wrong
        if stuck:
            raise FeedDown(f"the folder of {self._name}: {'; '.join(stuck)}")

    def _settled(self) -> list[Path]:
        before = self._clock().timestamp() - self._settled_seconds
        files = [file for file in self._folder.iterdir() if file.suffix.lower() in {".csv", ".xml"} and file.is_file()]
        return sorted(file for file in files if file.stat().st_mtime <= before)

    async def _read(self, file: Path, stuck: list[str]) -> AsyncIterator[Page]:
        with file.open("rb") as stream:
            is_xml = file.suffix.lower() == ".xml"
            lines = read_camt(stream, self._camt) if is_xml else read_csv(stream, self._csv)
            while some := await asyncio.to_thread(_slice, lines):
                yield Page(some, file=file.name)
        yield Page([], file=file.name, recorded=_mover(file, self._folder / DONE, stuck))


def _slice(lines: Iterator[Line]) -> list[Line]:
    return list(islice(lines, AT_ONCE))


def _mover(file: Path, folder: Path, stuck: list[str]) -> Callable[[], Awaitable[None]]:
    async def move() -> None:
        try:
            await asyncio.to_thread(_move, file, folder)
        except OSError as wrong:  # its lines are in; read again, they count once all the same
            stuck.append(f"{file.name} cannot be moved to {folder.name}/: {type(wrong).__name__}")

    return move


def _move(file: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    target, number = folder / file.name, 1
    while target.exists():  # banks like to name every file alike
        number += 1
        target = folder / f"{file.stem}-{number}{file.suffix}"
    if file.exists():  # another instance may have been first
        file.replace(target)
