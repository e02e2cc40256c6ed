"""The pool of a service's own database, and the one transaction that a batch of work runs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"

# What a lost or restarting server looks like. Work of ours can look so too: shared/outage.py tells the two apart.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the library after a connection was torn in the middle of its work
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or what providers make of a full disk
)
# Of these the server itself says that no work is at fault.
FULL = (asyncpg.DiskFullError,)
PROBE_SECONDS = 5
# Plans are made once for a connection, often while a table is still empty, when reading it whole looks cheapest. Ours
# name keys and are to stay lookups however the tables grow; what no index serves is still read whole.
SESSION = {
    "timezone": "UTC",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# What a rival transaction looks like: worth running again at once.
CONTENDED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


async def _leave_as_it_is(_: Connection) -> None:
    """Spare the round trip that clears a session: ours leave nothing behind that outlives a transaction."""


class Database:
    """One service's PostgreSQL database. `url` is a postgresql:// address; times in it are UTC.

    `command_seconds` is how long one statement may take.
    """

    def __init__(self, url: str, *, connections: int = 8, command_seconds: float = 30) -> None:
        self._url = url
        self._connections = connections
        self._command_seconds = command_seconds
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        """Connect; the pool opens more connections as they are needed.

        Raises:
            OSError, asyncpg.PostgresError: when the server cannot be reached or refuses the role.
        """
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=self._connections,
            command_timeout=self._command_seconds,
            server_settings=SESSION,
            reset=_leave_as_it_is,
        )

    @property
    def is_open(self) -> bool:
        """Whether it has been connected to; it may be away since."""
        return self._pool is not None

    async def close(self) -> None:
        """Close the pool, waiting briefly for work in hand."""
        if self._pool:
            pool, self._pool = self._pool, None
            await pool.close()

    async def answers(self) -> bool:
        """Whether the server takes work from us, asked on a fresh connection; one that may only be read does not."""
        try:
            connection = await asyncpg.connect(self._url, timeout=PROBE_SECONDS, command_timeout=PROBE_SECONDS)
            try:
                read_only: str = await connection.fetchval("SHOW transaction_read_only")
            finally:
                connection.terminate()
        except (*UNAVAILABLE, asyncpg.PostgresError):
            return False
        return read_only == "off"

    async def renew(self) -> None:
        """Let nobody have a connection that is older than now: those from before an outage may be dead unnoticed."""
        if self._pool:
            await self._pool.expire_connections()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, for reading."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        async with self._pool.acquire() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction, committed at the end of the block and rolled back by any exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection
