"""The five steps and their undoing on asyncpg: for plain code, Restate and Temporal."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import asyncpg

from benchmarks.rivals.engines import hotel
from benchmarks.rivals.engines.hotel import Refused, Wish

POOL = 16
_pools: dict[asyncio.AbstractEventLoop, asyncio.Future[asyncpg.Pool]] = {}


async def pool() -> asyncpg.Pool:
    """This event loop's connections, opened when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        url = os.environ[hotel.DATABASE_VARIABLE]
        _pools[loop] = asyncio.ensure_future(_open(url))
    return await _pools[loop]


async def _open(url: str) -> asyncpg.Pool:
    return await asyncpg.create_pool(url, min_size=POOL, max_size=POOL)


async def hold_rooms(wish: Wish) -> list[str]:
    """All rooms of the wish for all its nights; raises Refused when there are too few."""
    connections = await pool()
    for _ in range(hotel.LOOKS):
        try:
            rooms = await connections.fetchval(hotel.HOLD, *hotel.for_hold(wish))
        except asyncpg.UniqueViolationError:
            continue
        if rooms is None:
            rooms = await connections.fetchval(hotel.HELD, UUID(wish["booking_id"]))
        if rooms is not None:
            return list(rooms)
    raise Refused("there are not rooms enough")


async def reserve_payment(wish: Wish) -> None:
    """The whole amount of the wish; raises Refused when so much has not been paid."""
    connections = await pool()
    found = await connections.fetchval(hotel.RESERVE, *hotel.for_reserve(wish))
    found = found or await connections.fetchval(hotel.RESERVED, UUID(wish["booking_id"]))
    if found is None:
        raise Refused("the money was not found")


async def confirm(wish: Wish, rooms: list[str]) -> list[str]:
    """Write the booking down; returns its reservation codes."""
    connections = await pool()
    rows = await connections.fetch(hotel.CONFIRM, *hotel.for_confirm(wish, rooms))
    rows = rows or await connections.fetch(hotel.CONFIRMED, UUID(wish["booking_id"]))
    return [row["code"] for row in rows]


async def book_rooms(booking_id: str, codes: list[str]) -> None:
    """What was held is booked."""
    await (await pool()).execute(hotel.BOOK, UUID(booking_id), codes)


async def capture_payment(booking_id: str, codes: list[str]) -> None:
    """What was reserved is taken."""
    await (await pool()).execute(hotel.CAPTURE, UUID(booking_id), codes)


async def release_rooms(booking_id: str) -> None:
    """What was held is free again; nothing where nothing was held."""
    await (await pool()).execute(hotel.RELEASE_ROOMS, UUID(booking_id))


async def release_payment(booking_id: str) -> None:
    """What was reserved is free again; nothing where nothing was reserved."""
    await (await pool()).execute(hotel.RELEASE_PAYMENT, UUID(booking_id))
