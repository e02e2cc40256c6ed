"""The pool of a service's own database, and the one transaction that a batch of work runs in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"

# What a lost or restarting server looks like. Work of ours can look so too: outage.py tells the two apart.
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
FREE_SECONDS = 3.0  # how long an HTTP request waits for a connection of its pool
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


class Busy(TimeoutError):
    """No connection of the HTTP requests' pool came free in time: the caller may ask again in a moment."""


@dataclass
class Use:
    """How many connections one HTTP request holds at this moment."""

    held: int = 0


_use: ContextVar[Use | None] = ContextVar("use of the database", default=None)


@contextmanager
def on_request() -> Iterator[Use]:
    """Whatever uses a database in the block, however deep, does so for an HTTP request: from the pool of these."""
    token = _use.set(use := Use())
    try:
        yield use
    finally:
        _use.reset(token)


def _written(value: Any) -> bytes:
    """A jsonb value in PostgreSQL's binary form: its version, and the text."""
    return b"\x01" + orjson.dumps(value, default=_plain)


def _read(value: bytes) -> Any:
    return orjson.loads(value[1:])


def _plain(value: Any) -> str:
    """What orjson does not write by itself, as PostgreSQL reads it; asyncpg's UUIDs are of a class of their own."""
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(f"{type(value).__name__} is no JSON")


async def _prepare(connection: Connection) -> None:
    """Let columns of jsonb be values, not text."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_written, decoder=_read, format="binary")


async def _leave_as_it_is(_: Connection) -> None:
    """Spare the round trip that clears a session: ours leave nothing behind that outlives a transaction."""


class Database:
    """One service's PostgreSQL database. `url` is a postgresql:// address; times in it are UTC.

    HTTP requests share `http_connections` of their own, so that no number of callers takes those that messages need.
    `command_seconds` is how long one statement may take.
    """

    def __init__(
        self, url: str, *, connections: int = 8, http_connections: int = 4, command_seconds: float = 30
    ) -> None:
        self._url = url
        self._connections = connections
        self._http_connections = http_connections
        self._command_seconds = command_seconds
        self._pool: asyncpg.Pool[Any] | None = None
        self._http_pool: asyncpg.Pool[Any] | None = None
        self._asking = asyncio.Lock()

    async def open(self) -> None:
        """Connect; the pools open more connections as they are needed.

        Raises:
            OSError, asyncpg.PostgresError: when the server cannot be reached or refuses the role.
        """
        self._pool = await self._pool_of(1, self._connections)
        self._http_pool = await self._pool_of(0, self._http_connections)

    async def _pool_of(self, least: int, most: int) -> asyncpg.Pool[Any]:
        return await asyncpg.create_pool(
            self._url,
            min_size=least,
            max_size=most,
            command_timeout=self._command_seconds,
            server_settings=SESSION,
            init=_prepare,
            reset=_leave_as_it_is,
        )

    @property
    def is_open(self) -> bool:
        """Whether it has been connected to; it may be away since."""
        return self._pool is not None

    async def close(self) -> None:
        """Close the pools, waiting briefly for work in hand."""
        pools, self._pool, self._http_pool = (self._http_pool, self._pool), None, None
        for pool in pools:
            if pool:
                await pool.close()

    async def answers(self) -> bool:
        """Whether the server takes work from us, asked on a fresh connection; one that may only be read does not.

        HTTP requests ask one after the other: they may be many, and the server's connections are not.
        """
        async with self._asking if _use.get() else nullcontext():
            return await self._answers()

    async def _answers(self) -> bool:
        try:
            connection = await self.connect_apart()
            try:
                read_only: str = await connection.fetchval("SHOW transaction_read_only")
            finally:
                connection.terminate()
        except (*UNAVAILABLE, asyncpg.PostgresError):
            return False
        return read_only == "off"

    async def connect_apart(self) -> asyncpg.Connection[Any]:
        """A connection beside the pools, for asking how the server is; to be terminated by whoever has it.

        Raises:
            OSError, asyncpg.PostgresError: when the server cannot be reached or refuses.
        """
        return await asyncpg.connect(self._url, timeout=PROBE_SECONDS, command_timeout=PROBE_SECONDS)

    async def renew(self) -> None:
        """Expire all pooled connections: those from before an outage may be dead unnoticed."""
        for pool in (self._pool, self._http_pool):
            if pool:
                await pool.expire_connections()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, for reading.

        Raises:
            Busy: when an HTTP request asks and none of their pool comes free in time.
        """
        use = _use.get()
        if self._pool is None or self._http_pool is None:
            raise RuntimeError("the database is not open")
        if use is None:
            async with self._pool.acquire() as connection:
                yield connection
        else:
            async with _lent(self._http_pool, use) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction, committed at the end of the block and rolled back by any exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection


@asynccontextmanager
async def _lent(pool: asyncpg.Pool[Any], use: Use) -> AsyncIterator[Connection]:
    try:
        connection = await pool.acquire(timeout=FREE_SECONDS)
    except TimeoutError as full:
        raise Busy(f"no connection was free for {FREE_SECONDS:g} s") from full
    use.held += 1
    try:
        yield connection
    finally:
        try:
            await pool.release(connection)
        finally:
            use.held -= 1
