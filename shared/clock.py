"""The time, handed in wherever it matters: rules never read a clock, and tests bring their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]
_FIRST_ZONE = timedelta(hours=14)  # where a day begins first


def system_clock() -> datetime:
    """Real time now, in UTC."""
    return datetime.now(UTC)


def has_begun(day: date, now: datetime) -> bool:
    """Whether a day has begun anywhere: guests may pay from wherever they are."""
    return day <= (now + _FIRST_ZONE).date()


class OffsetClock:
    """Real time plus the seconds that a file holds; several processes that share the file share the time.

    The file is read again whenever it was replaced. Time never goes back: a smaller number changes nothing.
    """

    def __init__(self, file: Path) -> None:
        """Raises OSError where the file cannot be read, ValueError where it holds no number."""
        self.file = file
        self.offset = timedelta(0)
        self._version = (0, 0)
        self._read()

    def __call__(self) -> datetime:
        """The time now, in UTC."""
        with suppress(OSError):
            self._read()
        return system_clock() + self.offset

    def _read(self) -> None:
        facts = self.file.stat()
        version = (facts.st_ino, facts.st_mtime_ns)
        if version != self._version:
            self.offset = max(self.offset, timedelta(seconds=float(self.file.read_text(encoding="ascii"))))
            self._version = version
