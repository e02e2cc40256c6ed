"""Knows which channel's provider is away or asks for a pause, so that nobody queues behind it."""

from __future__ import annotations

from datetime import datetime, timedelta

FAILURES = 5  # in a row, before a provider counts as away
PROBE_PAUSE = timedelta(seconds=15)
NEWS_LASTS = timedelta(minutes=11)  # longer than the longest pause between retries: a probe may be as late as that


class Breaker:
    """One channel's: closed while messages pass; open, it lets one probe through at a time and with pauses."""

    def __init__(self) -> None:
        self._failures = 0
        self._refusals = 0
        self._not_before: datetime | None = None
        self._failed_at: datetime | None = None

    @property
    def open(self) -> bool:
        """The provider is away."""
        return self._failures >= FAILURES

    def away(self, now: datetime) -> bool:
        """It is away as far as anybody knows: it failed lately, and is not merely asked for nothing since."""
        return self.open and self._failed_at is not None and now - self._failed_at < NEWS_LASTS

    @property
    def struggling(self) -> bool:
        """Nothing passes, be it for an outage or for a limit: what has waited too long should take another channel."""
        return self._failures + self._refusals >= FAILURES

    def allows(self, under_way: int, most: int, now: datetime) -> int:
        """How many more messages may be begun now."""
        if self._not_before is not None and now < self._not_before:
            return 0
        return (1 if self.open or self._refusals else most) - under_way

    def passed(self) -> None:
        """The provider answered sensibly, be it with a no."""
        self._failures = self._refusals = 0
        self._not_before = None

    def stumbled(self, now: datetime) -> None:
        """The provider failed, whoever the message was for."""
        self._failures += 1
        self._failed_at = now
        if self.open:
            self._not_before = now + PROBE_PAUSE

    def told_to_wait(self, until: datetime) -> None:
        """The provider asked for a pause: a limit of ours at its house, not an outage."""
        self._refusals += 1
        self._not_before = max(until, self._not_before or until)
