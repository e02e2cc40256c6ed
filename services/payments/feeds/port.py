"""The port of a feed: pages of lines, each with the cursor from which the next one is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.payments.feeds.lines import Line
from services.payments.transfers import Origin


class FeedDown(Exception):
    """A feed could not be read to its end; what was read before stays. Its text holds no secrets."""


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """Lines that are recorded together, and the cursor that is written down with them; None: as it was.

    `file` names where broken lines are found again, `origin` which file it is and how it was read. `recorded` is called
    once the page is safe.
    """

    lines: Sequence[Line]
    cursor: str | None = None
    file: str = ""
    origin: Origin | None = None
    recorded: Callable[[], Awaitable[None]] = _nothing


class Source(Protocol):
    """Something that tells of money that arrived. The same line may come again: it counts once."""

    @property
    def name(self) -> str:
        """What its cursor is kept under."""
        ...

    def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """What is new behind a cursor, from the beginning for None.

        Raises:
            FeedDown: when it cannot be read.
        """
        ...
