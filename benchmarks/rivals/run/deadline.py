"""A limit on how long something may take, whatever it waits for: a loop, a thread, a program."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class _TooLate(SystemExit):
    """Event loops let exits alone pass out of a signal's handler; they log whatever else it raises."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside the block, in the main thread, TimeoutError is raised when so many seconds have passed."""

    def too_late(*_: object) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, too_late)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLate:
        raise TimeoutError(f"not done after {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)
