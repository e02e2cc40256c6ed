"""A circuit breaker: knows which system fails or asks for a pause, so that no call waits for its time-out."""

from __future__ import annotations

from datetime import datetime, timedelta

FAILURES = 5
REST = timedelta(seconds=15)


class CircuitBreaker:
    """Closed while calls succeed; open after `failures` in a row: then one call at a time tries it, after a `rest`.

    It counts as away until its last failure is older than `remembered`: an open circuit that is not used says nothing.
    """

    def __init__(
        self, failures: int = FAILURES, rest: timedelta = REST, *, remembered: timedelta = timedelta(minutes=11)
    ) -> None:
        self._most_failures = failures
        self._rest = rest
        self._remembered = remembered
        self._failures = 0
        self._limited = 0
        self._not_before: datetime | None = None
        self._failed_at: datetime | None = None

    @property
    def open(self) -> bool:
        """The system failed too often."""
        return self._failures >= self._most_failures

    @property
    def nothing_passes(self) -> bool:
        """No call succeeds, be it for an outage or for a limit."""
        return self._failures + self._limited >= self._most_failures

    def is_away(self, now: datetime) -> bool:
        """Whether the circuit is open and the system failed lately."""
        return self.open and self._failed_at is not None and now - self._failed_at < self._remembered

    def allows(self, running: int, most: int, now: datetime) -> int:
        """How many more calls may begin now, where `running` are under way and at most `most` at once."""
        if self._not_before is not None and now < self._not_before:
            return 0
        return (1 if self.open or self._limited else most) - running

    def succeeded(self) -> None:
        """The system answered sensibly, be it with a no."""
        self._failures = self._limited = 0
        self._not_before = None

    def failed(self, now: datetime) -> None:
        """The system failed, whatever it was asked."""
        self._failures += 1
        self._failed_at = now
        if self.open:
            self._not_before = now + self._rest

    def limited(self, until: datetime) -> None:
        """The system asks for a pause: a limit of ours there, not an outage."""
        self._limited += 1
        self._not_before = max(until, self._not_before or until)
