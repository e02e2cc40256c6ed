"""The bell that a commit rings, so that a message alone waits for no poll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.database.pool import Connection, Database


class WakeSignal:
    """Rung when something may have become due; one ring while nobody listened is kept."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.held = False

    def hold(self) -> None:
        """Something was written that is due once its transaction has committed."""
        self.held = True

    def ring(self) -> None:
        """Wake the sender."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until the bell rings, or for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()


class WakingDatabase(Database):
    """A database whose commits ring the bell where something was written for the sender.

    Several transactions may be open at once: then the first commit may ring too early, so the bell stays held until
    none is left, and each of them rings. A ring too many costs one look at an empty index.
    """

    def __init__(self, url: str, bell: WakeSignal, *, connections: int = 8, http_connections: int = 4) -> None:
        super().__init__(url, connections=connections, http_connections=http_connections)
        self._bell = bell
        self._open = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction; straight after its commit the sender hears of what it wrote."""
        self._open += 1
        try:
            async with super().transaction() as connection:
                yield connection
        finally:
            self._open -= 1
            if self._bell.held:
                self._bell.held = self._open > 0
                self._bell.ring()
