"""How long everybody is measured, and with how many clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROPERTIES: Final = 20

# Clients, seconds, and the most requests that a level may make.
Level = tuple[int, float, int]


@dataclass(frozen=True)
class Plan:
    """A warm-up and levels, the same for everybody.

    `quiet_s` is how long a quiet machine is waited for each time, `longest_s` how long an engine may take in all,
    `rounds` how many make a figure of the floor.
    """

    warm_up: Level
    levels: tuple[Level, ...]
    quiet_s: float
    longest_s: float
    rounds: int = 400

    @property
    def requests(self) -> int:
        """The most requests that all levels can make."""
        return self.warm_up[2] + sum(most for _, _, most in self.levels)


# 20 properties have room for 72,000 bookings of three rooms.
FULL: Final = Plan(
    warm_up=(64, 20.0, 18_000),
    levels=((1, 10.0, 3000), (16, 12.0, 14_000), (64, 15.0, 18_000), (256, 15.0, 18_000)),
    quiet_s=25.0,
    longest_s=420.0,
)
SHORT: Final = Plan(
    warm_up=(64, 4.0, 5000),
    levels=((1, 2.0, 1000), (16, 3.0, 4000), (64, 3.0, 4000), (256, 3.0, 4000)),
    quiet_s=1.0,
    longest_s=300.0,
    rounds=100,
)
