"""One look at the five databases: each in a read-only transaction that sees a single moment of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from posada.audit.booking_snapshot import QUERIES, BookingSnapshot, booking_snapshots
from posada.audit.invariant import OfDatabase
from posada.audit.topic_snapshot import about
from shared.clock import Clock
from shared.outbox.batches import unpack

Connection: TypeAlias = "asyncpg.Connection[Any]"
# Booking's comes first: what its sagas call done has been done by then wherever else we look.
ORDER: Final = ("booking", "availability", "payments", "notifications", "conversations")
A_SLICE: Final = 10_000  # bookings in memory at once
AT_ONCE: Final = 1_000
SECONDS: Final = 600
_COUNT: Final = "SELECT count(*) FROM bookings"
_MOMENT: Final = "SELECT txid_current_snapshot()::text"
_NOW: Final = "SELECT now()"
# A message on its second attempt waits for up to two minutes.
_ON_ITS_WAY: Final = """
SELECT key, headers FROM outbox WHERE due_at < $1::timestamptz + interval '3 minutes' ORDER BY due_at LIMIT 50000"""
_BATCHES: Final = "SELECT packed FROM outbox_batches ORDER BY due_at LIMIT 1000"


class Snapshots:
    """The five databases, each as of one moment; `now` is what their times are compared with."""

    def __init__(self, connections: Mapping[str, Connection], bookings: int, now: datetime) -> None:
        self._connections = connections
        self.bookings = bookings
        self.now = now

    async def booking_snapshots(self) -> AsyncIterator[list[BookingSnapshot]]:
        """Every booking that anybody knows, a slice at a time."""
        for first, last in slices(self.bookings):
            parts: dict[str, Any] = {}
            for found in await asyncio.gather(*[self._parts(service, first, last) for service in ORDER]):
                parts |= found
            yield booking_snapshots(parts)

    async def snapshot(self, booking_id: UUID) -> BookingSnapshot:
        """What there is of one booking."""
        parts: dict[str, Any] = {}
        for service in ORDER:
            parts |= await self._parts(service, booking_id, booking_id)
        return next(iter(booking_snapshots(parts)), BookingSnapshot(booking_id))

    async def rows(self, invariant: OfDatabase) -> AsyncIterator[Mapping[str, Any]]:
        """What an invariant's query finds; its $1 is now."""
        given = [self.now] if "$1" in invariant.query else []
        async for row in self._connections[invariant.service].cursor(invariant.query, *given, prefetch=AT_ONCE):
            yield row

    async def on_their_way(self) -> set[UUID]:
        """Bookings with a message in an outbox that is about to be sent."""
        found: set[UUID] = set()
        for connection in self._connections.values():
            for row in await connection.fetch(_ON_ITS_WAY, self.now):
                headers = [(name, value.encode()) for name, value in orjson.loads(row["headers"])]
                found |= about(headers, row["key"].encode())
            for batch in await connection.fetch(_BATCHES):
                for one in unpack(batch["packed"]):
                    found |= about(one.headers, one.key.encode())
        return found

    async def _parts(self, service: str, first: UUID, last: UUID) -> dict[str, list[asyncpg.Record]]:
        connection = self._connections[service]
        return {name: await connection.fetch(query, first, last) for name, query in QUERIES[service].items()}


@asynccontextmanager
async def snapshots(urls: Mapping[str, str], clock: Clock | None = None) -> AsyncIterator[Snapshots]:
    """Look at the databases for as long as the block lasts; nothing can be written through it.

    Without a clock it is now when booking's database says so.

    Raises:
        OSError, asyncpg.PostgresError: when one cannot be reached, or its role may not read.
    """
    async with AsyncExitStack() as stack:
        connections: dict[str, Connection] = {}
        for service in ORDER:
            connections[service] = await asyncpg.connect(
                urls[service], command_timeout=SECONDS, server_settings={"timezone": "UTC", "jit": "off"}
            )
            stack.push_async_callback(connections[service].close)
            await stack.enter_async_context(
                connections[service].transaction(isolation="repeatable_read", readonly=True)
            )
            await connections[service].fetchval(_MOMENT)
        booking = connections["booking"]
        now = clock() if clock else await booking.fetchval(_NOW)
        yield Snapshots(connections, await booking.fetchval(_COUNT), now)


def slices(bookings: int) -> list[tuple[UUID, UUID]]:
    """All ids in equal parts, each of a bounded number of bookings: ids are digests, and spread evenly."""
    number = max(1, -(-bookings // A_SLICE))
    borders = [(2**128 * part) // number for part in range(number + 1)]
    return [(UUID(int=low), UUID(int=high - 1)) for low, high in pairwise(borders)]
