"""Waits in synchronous code: for a condition, or for a coroutine, whether or not an event loop runs already."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
PAUSE_S: Final = 0.03


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Ask until the condition holds; false when `timeout_s` seconds pass first."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def run_apart(work: Callable[[], Coroutine[Any, Any, Result]], timeout_s: float) -> Result:
    """Run `work` in an event loop of its own in another thread; raises TimeoutError after `timeout_s` seconds."""

    async def bounded() -> Result:
        async with asyncio.timeout(timeout_s):
            return await work()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(bounded())).result()
