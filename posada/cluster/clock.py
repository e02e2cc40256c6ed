"""A local cluster's business clock, which a test or the demo moves while its services run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from shared.clock import OffsetClock
from shared.safety.files import write_into

FILE: Final = "clock"


class ClusterClock(OffsetClock):
    """Kept in the data folder, so that a cluster that starts again there goes on from its time."""

    def __init__(self, folder: Path) -> None:
        if not (folder / FILE).exists():
            write_into(folder, FILE, "0\n")
        super().__init__(folder / FILE)

    @property
    def environment(self) -> Mapping[str, str]:
        """What lets a service read this clock."""
        return {"POSADA_CLOCK_FILE": str(self.file), "POSADA_TESTING": "true"}

    def forward(self, by: timedelta) -> datetime:
        """Let time pass for every service at once; returns the new time.

        Raises:
            ValueError: when it would go back.
        """
        if by < timedelta(0):
            raise ValueError(f"time does not go back: {by} is negative")
        write_into(self.file.parent, FILE, f"{(self.offset + by).total_seconds()}\n")
        return self()

    def forward_to(self, moment: datetime) -> datetime:
        """The same, until a moment; raises ValueError for one that is over."""
        return self.forward(moment - self())
