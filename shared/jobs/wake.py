"""A signal that a commit sets, so that what has become due waits for no poll."""

from __future__ import annotations

import asyncio


class WakeSignal:
    """Set when something may have become due; one that nobody waited for is kept."""

    def __init__(self) -> None:
        self._set = asyncio.Event()

    def set(self) -> None:
        """Wake who waits."""
        self._set.set()

    async def wait(self, seconds: float) -> None:
        """Until the signal is set, or for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._set.wait()
        except TimeoutError:
            return
        self._set.clear()
