"""Sees whether the database answers: asks it now and then on a connection of its own, and waits but briefly."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from shared.database.pool import Connection, Database
from shared.errors import described

ASK_SECONDS = 2.0
ANSWER_SECONDS = 3.0
SILENT_SECONDS = 6.0  # and no more: with the pause before it this shows within ten that a server stands still


class DatabaseProbe:
    """Remembers when the database last answered that it takes work; it counts as answering when it is made.

    A server that stands still refuses nothing: connections stay up, and whoever uses one waits. The one process that
    makes new connections may stand still alone, so that each is asked twice: when it is new, and once more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._answered = time.monotonic()
        self._fault = "no answer"

    async def run(self) -> None:
        """Ask for ever."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(ASK_SECONDS)
        finally:
            self._let_go()

    async def look(self) -> None:
        """Ask once."""
        is_new = self._connection is None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._connection = self._connection or await self._database.connect_apart()
                read_only = await self._connection.fetchval("SHOW transaction_read_only")
        except asyncpg.TooManyConnectionsError:  # those that we have go on
            self._answered = time.monotonic()
            return
        except Exception as fault:
            self._fault = described(fault)
            self._let_go()
            return
        if read_only == "off":
            self._answered = time.monotonic()
        else:
            self._fault = "it may only be read"
        if not is_new:
            self._let_go()

    def trouble(self) -> str | None:
        """Why nothing can be written, once it has lasted; None while all is well."""
        silent = time.monotonic() - self._answered
        if silent <= SILENT_SECONDS:
            return None
        return f"the database has not answered for {silent:.0f} s that it takes work ({self._fault})"

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.terminate()
