"""A signal that a commit sets, so that what has become due waits for no poll."""

from __future__ import annotations

import asyncio


class WakeSignal:
    """Set when something may have become due; a signal that comes while nothing waits is kept."""

    def __init__(self) -> None:
        self._set = asyncio.Event()

    def set(self) -> None:
        """Wake the runner that waits."""
        self._set.set()

    async def wait(self, seconds: float) -> None:
        """Until the signal is set, or for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._set.wait()
        except TimeoutError:
            return
        self._set.clear()
