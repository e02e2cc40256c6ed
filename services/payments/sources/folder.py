"""A folder that is watched: settled files are read, a bounded number of lines at a time, and moved aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from services.payments.feeds import CsvLayout, read_csv
from services.payments.sources.camt import CamtLayout, read_camt
from services.payments.sources.part import Part, parted
from services.payments.sources.port import FeedDown, Page
from shared.clock import Clock

DONE = "done"


class WatchedFolder:
    """Bank files that somebody puts into a folder: .csv in one layout, .xml as camt.053.

    A file is settled when it has not been written for `settled_seconds`: a copy under way is left alone. What is read
    to its end moves to `done/`; its broken lines are kept for correction. One that cannot be moved is read again, and
    counts once all the same. A file that takes longer than there is time for is gone on with: in this process where
    it was left, in another one behind the cursor, which says how many lines of which file are recorded.
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
        self._part: Part | None = None

    @property
    def name(self) -> str:
        """What its broken lines are kept under."""
        return self._name

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """Every settled file, a bounded number of lines at a time, each with a cursor that says how far it is read."""
        stuck: list[str] = []
        try:
            for file in await asyncio.to_thread(self._settled):
                part = await self._under_way(file, cursor)
                while lines := await part.lines():
                    yield Page(lines, cursor=part.cursor_behind(lines), file=file.name, recorded=part.recorded)
                await self._forget()
                moved = _mover(file, self._folder / DONE, stuck)
                yield Page([], cursor="", file=file.name, recorded=moved)
        except Exception as wrong:
            await self._forget()
            if not isinstance(wrong, OSError):
                raise
            raise FeedDown(f"the folder of {self._name}: {type(wrong).__name__}") from wrong
        if stuck:
            raise FeedDown(f"the folder of {self._name}: {'; '.join(stuck)}")

    def _settled(self) -> list[Path]:
        before = self._clock().timestamp() - self._settled_seconds
        files = [file for file in self._folder.iterdir() if file.suffix.lower() in {".csv", ".xml"} and file.is_file()]
        return sorted(file for file in files if file.stat().st_mtime <= before)

    async def _under_way(self, file: Path, cursor: str | None) -> Part:
        """The file where it was left, else behind the cursor where that speaks of it, else from its beginning."""
        is_xml = file.suffix.lower() == ".xml"
        found = await asyncio.to_thread(parted, file, cursor)
        if self._part and self._part.mark == found.mark:
            return self._part
        await self._forget()
        found.read = (lambda stream: read_camt(stream, self._camt)) if is_xml else lambda s: read_csv(s, self._csv)
        self._part = found
        return found

    async def _forget(self) -> None:
        part, self._part = self._part, None
        if part:
            await part.close()


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
