"""The levels of a measurement, one after the other, for whoever is booked at; what was measured outlives a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.bookings.load import Clients
from benchmarks.rivals.plan import Plan
from deploy.local.backend import Progress

# How long after a level's end the last outcomes may take.
PATIENCE_S: Final = 90.0


@dataclass
class Climb:
    """What was measured: the levels' figures, the bookings made in all, and what ended it early, else nothing."""

    levels: list[dict[str, Any]] = field(default_factory=list)
    booked: int = 0
    failed: str = ""


async def _nothing() -> None:
    """Nobody has anything to do beside a level."""


async def climb(
    load: Clients,
    plan: Plan,
    on_progress: Progress,
    *,
    beside_one: Callable[[], Awaitable[None]] = _nothing,
) -> Climb:
    """Warm up and measure every level; `beside_one` is called before and after the level of one client.

    A level in which outcomes stay away or somebody hangs up ends the climb; those below it are kept.
    """
    done = Climb()
    try:
        on_progress("warming up")
        async with _patience(plan.warm_up[1]):
            done.booked = len(await load.measure(*plan.warm_up))
        for clients, seconds, most in plan.levels:
            if clients == 1:
                await beside_one()
            on_progress(f"measuring {clients} at once")
            async with _patience(seconds):
                level = await load.level(clients, seconds, most)
            if clients == 1:
                await beside_one()
            done.levels.append(level)
            done.booked += level["sagas"]
            on_progress("{sagas_per_s:.0f} sagas/s, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms".format(**level))
    except OSError as error:  # a time-out is one
        done.failed = f"{_where(done, plan)} {error}"
    return done


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds + PATIENCE_S):
            yield
    except TimeoutError:
        raise TimeoutError(f"outcomes were missing {PATIENCE_S:g} s after the end") from None


def _where(done: Climb, plan: Plan) -> str:
    if not done.booked:
        return "warming up,"
    return f"with {plan.levels[len(done.levels)][0]} clients"
