"""Tries a transaction again at once while rival writers are first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.database.pool import CONTENDED
from shared.errors import Conflict

CONFLICT_ATTEMPTS = 10

T = TypeVar("T")


async def retry_conflicts(commit: Callable[[], Awaitable[T]]) -> T:
    """Commit, again and again while rival writers are first.

    Raises:
        Conflict, CONTENDED: when rivals were first each of `CONFLICT_ATTEMPTS` times.
    """
    for left in reversed(range(CONFLICT_ATTEMPTS)):
        try:
            return await commit()
        except (Conflict, *CONTENDED):
            if not left:
                raise
    raise AssertionError("the last attempt returns or raises")
