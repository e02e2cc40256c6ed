"""Lone requests: each comes when nothing has moved for seconds, as at most hours of most hotels; beside the floor."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.bookings.floor import Floor
from benchmarks.bookings.load import Clients

SEED: Final = 13
# The part of the mean that every pause has at least: no request meets what the one before it has left to do.
LEAST: Final = 0.2


@dataclass(frozen=True)
class Pauses:
    """So many requests, `apart_s` seconds from one to the next on average; the same seed gives the same pauses."""

    number: int
    apart_s: float
    seed: int = SEED

    def all(self) -> list[float]:
        """The seconds before each request: at random, as guests come."""
        dice = random.Random(self.seed)  # noqa: S311 — no secret
        mean = self.apart_s * (1 - LEAST)
        return [self.apart_s * LEAST + dice.expovariate(1 / mean) for _ in range(self.number)]


async def measure(load: Clients, floor: Floor, pauses: Pauses) -> dict[str, Any]:
    """Medians and 95th percentiles of requests and of rounds of the floor, in milliseconds.

    A round comes in the middle of the pause before each request, so that both see the same minutes of the machine.
    """
    booked, rounds = [], []
    await floor.once()  # it connects, which later rounds need not
    for pause in pauses.all():
        await asyncio.sleep(pause / 2)
        rounds.append(await floor.once())
        await asyncio.sleep(pause / 2)
        load.number += 1
        booked.append(await load.book(load.number - 1))
    return {
        "requests": pauses.number,
        "apart_s": pauses.apart_s,
        **_percentiles("", booked),
        **_percentiles("floor_", rounds),
    }


def _percentiles(name: str, times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        f"{name}p50_ms": round(statistics.median(ordered) * 1000, 2),
        f"{name}p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 2),
    }
