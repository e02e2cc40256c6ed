"""Tells a database that is away, which is waited for, from work that never succeeds although the database answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shared.database.pool import FULL, UNAVAILABLE, Busy, Database
from shared.errors import described

log = structlog.get_logger(__name__)

PAUSE = (0.1, 5.0)  # seconds, first and longest, between looks for a database that is away
TRIES = 3

T = TypeVar("T")


class Outage:
    """What one piece of work has lived through while it could not be done for the database's sake.

    A time-out or a lost connection may be the server's fault or the work's own. The server is asked on a connection of
    its own: however long it is away, the work waits. Work that fails so `tries` times, each time straight after the
    server had answered, is at fault itself. A full disk is not the work's fault: such a server still answers, and only
    the next try can tell.
    """

    def __init__(self, database: Database, *, tries: int = TRIES) -> None:
        self._database = database
        self._left = tries
        self._pause_when_full = PAUSE[0]

    async def should_retry(self, fault: Exception) -> bool:
        """Wait until the server answers: true when the work should be tried again, false when it is at fault.

        Raises:
            Busy: when it is one: who asked over HTTP waits no longer for a connection than it has.
        """
        if isinstance(fault, Busy):
            raise fault
        log.warning("consumer.database_away", outage=described(fault), tries_left=self._left)
        pause, longest = PAUSE
        await asyncio.sleep(pause)
        while not await self._database.answers():
            pause = min(pause * 2, longest)
            await asyncio.sleep(pause)
        if isinstance(fault, FULL):
            self._pause_when_full = min(self._pause_when_full * 2, longest)
            await asyncio.sleep(self._pause_when_full)
            return True
        await self._database.renew()
        self._left -= 1
        return self._left >= 0


async def wait_out_outage(database: Database, work: Callable[[], Awaitable[T]]) -> T:
    """Do work, and do it again whenever a database that was away is back, however long that takes.

    Raises:
        UNAVAILABLE: when the work always fails like an outage although the database answers.
        Busy: at once, for an HTTP request that found no free connection.
    """
    outage = Outage(database)
    while True:
        try:
            return await work()
        except UNAVAILABLE as fault:
            if not await outage.should_retry(fault):
                raise
