"""Ctrl-C and SIGTERM: both end a command the same way, and neither disturbs its tidying up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def one_interruption() -> Iterator[None]:
    """Inside the block the first of Ctrl-C, SIGTERM and SIGHUP raises KeyboardInterrupt, and the others do nothing.

    What follows must be bounded in time: a second interruption in the middle of it would break locks and leave halves.
    """
    with _handled(_interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside the block nobody's impatience leaves half of the work undone; the work must be bounded in time."""
    with _handled(_overhear):
        yield


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in ENDING]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


def _interrupt(_: int, __: FrameType | None) -> None:
    for number in ENDING:
        signal.signal(number, _overhear)
    raise KeyboardInterrupt


def _overhear(_: int, __: FrameType | None) -> None:
    """Do nothing; SIG_IGN would make Python complain of a signal that was already on its way."""
