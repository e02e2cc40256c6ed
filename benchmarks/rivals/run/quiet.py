"""Waits for a machine that does nothing else, for a while; figures beside other work are not worth comparing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import psutil

LOOK_S: Final = 2.0
BUSY_PERCENT: Final = 12.0  # of all processors: what an idle machine's own chores take


@dataclass(frozen=True)
class Quiet:
    """How long was waited, in seconds, and how busy the machine still was, in percent of all its processors."""

    waited_s: float
    busy_percent: float

    @property
    def enough(self) -> bool:
        """Whether the machine had come to rest."""
        return self.busy_percent <= BUSY_PERCENT


def wait_for_quiet(longest_s: float) -> Quiet:
    """Look every other second until the machine is at rest, or `longest_s` seconds have passed."""
    began = time.monotonic()
    while True:
        seen = Quiet(0.0, psutil.cpu_percent(LOOK_S))
        waited = time.monotonic() - began
        if seen.enough or waited >= longest_s:
            return Quiet(round(waited, 1), seen.busy_percent)
