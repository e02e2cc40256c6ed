"""A folder that is watched: settled files are read, a bounded number of lines at a time, and moved aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import structlog
from prometheus_client import Gauge

from services.payments.feeds.formats import FORMATS, Layout, format_of
from services.payments.feeds.history import FileHistory, arrivals, counts_twice, digest_of_file, digest_of_layout
from services.payments.feeds.lines import BrokenLine
from services.payments.feeds.part import Part, parted
from services.payments.feeds.port import FeedDown, Page
from services.payments.transfers import Origin
from shared.clock import Clock
from shared.errors import described
from shared.safety.files import Folder, Opened, RefusedFile, opened_folder, shown

log = structlog.get_logger(__name__)

DONE = "done"
MOST_BYTES = 500_000_000
MOST_NAMED = 5  # files that a problem names; it counts the others

REFUSED = Gauge(
    "posada_feed_refused_files", "Files in a feed's folder that are not read: links, special or too large", ["source"]
)


@dataclass
class _Trouble:
    """What was wrong with single files during one look; the others are read all the same."""

    problems: list[str] = field(default_factory=list)
    refused: int = 0

    def text(self) -> str:
        more = f"; and {len(self.problems) - MOST_NAMED} more" if len(self.problems) > MOST_NAMED else ""
        return "; ".join(self.problems[:MOST_NAMED]) + more


class WatchedFolder:
    """Bank files that somebody puts into a folder: of each format those in one layout, its own unless one is given.

    A file is settled when it has not been written for `settled_seconds`: a copy under way is left alone. What is read
    to its end moves to `done/`; its broken lines are kept for correction. One that cannot be moved is read again, and
    counts once all the same. A file that takes longer than there is time for is gone on with: in this process where
    it was left, in another one behind the cursor, which says how many lines of which file are recorded.

    Who may put files there may not choose what this process reads: links, whatever is no regular file, and files of
    more than `most_bytes` are refused by their name, in the feed's problem and as a gauge. A file whose content was
    taken under another layout, as `history` says, is told and not read if its lines would count twice.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *layouts: Layout,
        clock: Clock,
        settled_seconds: float = 5,
        most_bytes: int = MOST_BYTES,
        history: FileHistory | None = None,
    ) -> None:
        self._name = name
        self._folder = folder
        self._layouts = {one.layout: one.layout() for one in FORMATS} | {type(one): one for one in layouts}
        self._clock = clock
        self._settled_seconds = settled_seconds
        self._most_bytes = most_bytes
        self._history = history
        self._part: Part | None = None

    @property
    def name(self) -> str:
        """What its broken lines are kept under."""
        return self._name

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """Every settled file, a bounded number of lines at a time, each with a cursor that says how far it is read."""
        trouble = _Trouble()
        try:
            with opened_folder(self._folder) as folder:
                for name in await asyncio.to_thread(self._settled, folder):
                    part = await self._under_way(folder, name, cursor, trouble)
                    if part is None:
                        continue
                    async for page in self._pages_of(folder, part, trouble):
                        yield page
        except Exception as wrong:
            await self._forget()
            if not isinstance(wrong, OSError):
                raise
            raise FeedDown(f"the folder of {self._name}: {type(wrong).__name__}") from wrong
        REFUSED.labels(self._name).set(trouble.refused)
        if trouble.problems:
            raise FeedDown(f"the folder of {self._name}: {trouble.text()}")

    async def _pages_of(self, folder: Folder, part: Part, trouble: _Trouble) -> AsyncIterator[Page]:
        name = shown(part.file.name)
        try:
            if twice := await self._counts_twice(folder, part):
                yield Page([twice], file=name, origin=part.origin)
            while not twice and (lines := await part.lines()):
                cursor = part.cursor_behind(lines)
                yield Page(lines, cursor=cursor, file=name, origin=part.here, recorded=part.recorded)
        except Exception as wrong:  # one file must not keep the others back
            log.warning("feed.file_unreadable", source=self._name, file=name, problem=described(wrong))
            trouble.problems.append(f"{name} cannot be read: {type(wrong).__name__}")
            await self._forget()
            return
        await self._forget()
        yield Page([], cursor="", file=name, recorded=_mover(folder, part.file, trouble))

    def _settled(self, folder: Folder) -> list[str]:
        before = self._clock().timestamp() - self._settled_seconds
        settled = []
        for name in folder.names():
            with suppress(FileNotFoundError):  # another instance has moved it
                if format_of(name) and folder.facts(name).st_mtime <= before:
                    settled.append(name)
        return settled

    async def _under_way(self, folder: Folder, name: str, cursor: str | None, trouble: _Trouble) -> Part | None:
        """The file where it was left, else behind the cursor where that speaks of it, else from its beginning."""
        try:
            file = await asyncio.to_thread(folder.open, name, self._most_bytes)
        except FileNotFoundError:
            return None
        except RefusedFile as refused:
            trouble.problems.append(str(refused))
            trouble.refused += 1
            return None
        except OSError as wrong:  # one that cannot be read must not keep the others back
            trouble.problems.append(f"{shown(name)} cannot be read: {type(wrong).__name__}")
            return None
        found = parted(file, cursor)
        if self._part and self._part.mark == found.mark:
            await found.close()
            return self._part
        await self._forget()
        if written := format_of(name):
            layout = self._layouts[written.layout]
            found.read = written.reader(layout)
            digest = await asyncio.to_thread(self._digest, folder, file)
            found.origin = Origin(layout.source, shown(name), digest, digest_of_layout(layout))
        self._part = found
        return found

    def _digest(self, folder: Folder, file: Opened) -> str:
        """Of the file's content; empty if another file has its name by now, which comes later."""
        try:
            with self._again(folder, file) as stream:
                return digest_of_file(stream)
        except OSError:
            return ""

    def _again(self, folder: Folder, file: Opened) -> BinaryIO:
        again = folder.open(file.name, self._most_bytes)
        if (again.facts.st_ino, again.facts.st_mtime_ns) != (file.facts.st_ino, file.facts.st_mtime_ns):
            again.stream.close()
            raise FileNotFoundError(file.name)
        return again.stream

    async def _counts_twice(self, folder: Folder, part: Part) -> BrokenLine | None:
        """Why the file is not read under this layout, where it was taken under another one; looked at once."""
        if self._history is None or part.origin is None or part.done:
            return None
        taken = await self._history.taken(part.origin.digest, part.origin.layout)
        if not taken:
            return None
        recorded = 0
        with self._again(folder, part.file) as stream:
            some = arrivals(part.read, stream)
            while lines := await asyncio.to_thread(next, some, None):
                recorded += await self._history.recorded(lines)
        return counts_twice(taken, recorded)

    async def _forget(self) -> None:
        part, self._part = self._part, None
        if part:
            await part.close()


def _mover(folder: Folder, file: Opened, trouble: _Trouble) -> Callable[[], Awaitable[None]]:
    async def move() -> None:
        try:
            await asyncio.to_thread(folder.move, file, DONE)
        except OSError as wrong:  # its lines are in; read again, they count once all the same
            why = str(wrong) if isinstance(wrong, RefusedFile) else type(wrong).__name__
            trouble.problems.append(f"{shown(file.name)} cannot be moved to {DONE}/: {why}")

    return move
