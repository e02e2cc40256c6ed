"""The back lane: what nobody waits for is handled behind what somebody waits for, and beside the next batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from shared.consumer.decoding import InboundMessage

Work = Callable[[Sequence[InboundMessage]], Awaitable[None]]


class BackgroundQueue:
    """Handles deliveries one batch after the other, in a task of its own; what comes meanwhile is gathered.

    So the answers behind an outcome share few transactions, and no request waits for theirs. `most` deliveries may
    wait (a batch counts as one more); then whoever brings more waits as well.
    """

    def __init__(self, work: Work, *, most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[Sequence[InboundMessage], Callable[[], None]]] = []
        self._running: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._began = 0.0

    async def submit(self, deliveries: Sequence[InboundMessage], done: Callable[[], None]) -> None:
        """Have deliveries handled; `done` is called behind them and behind everything that was put in before."""
        while self._count() >= self._most:
            self._room.clear()
            await self._room.wait()
        self._waiting.append((deliveries, done))
        if self._running is None:
            if deliveries:
                self._running = asyncio.create_task(self._run(), name="back lane")
            else:
                self._tell(self._all_waiting())

    def busy_for(self) -> float:
        """The seconds that the batch in the lane has taken so far; 0 while it is empty."""
        return time.monotonic() - self._began if self._running else 0.0

    async def drain(self) -> None:
        """Wait until everything that was put in is handled."""
        while self._running:
            await asyncio.wait([self._running])

    def cancel(self) -> None:
        """Let go of what hangs: it was not told of as done, so it comes again."""
        if self._running:
            self._running.cancel()

    async def _run(self) -> None:
        try:
            while taken := self._all_waiting():
                self._room.set()
                self._began = time.monotonic()
                if deliveries := [one for several, _ in taken for one in several]:
                    await self._work(deliveries)
                self._tell(taken)
        finally:
            self._running = None

    def _count(self) -> int:
        return sum(1 + len(deliveries) for deliveries, _ in self._waiting)

    def _all_waiting(self) -> list[tuple[Sequence[InboundMessage], Callable[[], None]]]:
        taken, self._waiting = self._waiting, []
        return taken

    @staticmethod
    def _tell(taken: Sequence[tuple[Sequence[InboundMessage], Callable[[], None]]]) -> None:
        for _, done in taken:
            done()
