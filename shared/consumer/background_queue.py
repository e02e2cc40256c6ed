"""Messages that nobody waits for: processed beside the urgent ones, one gathered batch after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from shared.messages.inbound import InboundMessage

Work = Callable[[Sequence[InboundMessage]], Awaitable[None]]
Submitted = tuple[Sequence[InboundMessage], Callable[[], None]]


class BackgroundQueue:
    """Processes one batch after the other in a task of its own; what is submitted meanwhile makes the next batch.

    So messages behind an outcome share few transactions, and no request waits for them. At most `limit` messages wait
    (each submission counts as one more); then `submit` waits until there is room.
    """

    def __init__(self, work: Work, *, limit: int) -> None:
        self._work = work
        self._limit = limit
        self._waiting: list[Submitted] = []
        self._running: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._began = 0.0

    async def submit(self, batch: Sequence[InboundMessage], done: Callable[[], None]) -> None:
        """Have a batch processed; `done` is called behind it and behind everything that was submitted before."""
        while self._count() >= self._limit:
            self._room.clear()
            await self._room.wait()
        self._waiting.append((batch, done))
        if self._running is None:
            if batch:
                self._running = asyncio.create_task(self._run(), name="background queue")
            else:
                self._mark_done(self._take_all())

    def busy_for(self) -> float:
        """The seconds that the present batch has taken so far; 0 while there is none."""
        return time.monotonic() - self._began if self._running else 0.0

    async def drain(self) -> None:
        """Wait until everything that was submitted is processed."""
        while self._running:
            await asyncio.wait([self._running])

    def cancel(self) -> None:
        """Stop the present batch: its `done` is never called, so that its messages come again."""
        if self._running:
            self._running.cancel()

    async def _run(self) -> None:
        try:
            while submitted := self._take_all():
                self._room.set()
                self._began = time.monotonic()
                if batch := [inbound for several, _ in submitted for inbound in several]:
                    await self._work(batch)
                self._mark_done(submitted)
        finally:
            self._running = None

    def _count(self) -> int:
        return sum(1 + len(batch) for batch, _ in self._waiting)

    def _take_all(self) -> list[Submitted]:
        submitted, self._waiting = self._waiting, []
        return submitted

    @staticmethod
    def _mark_done(submitted: Sequence[Submitted]) -> None:
        for _, done in submitted:
            done()
