"""Plain code: the steps one after the other, with nothing that would go on after a crash. The yardstick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.rivals.engines import steps
from benchmarks.rivals.engines.hotel import Refused, Wish
from benchmarks.rivals.engines.http_front import Book, HttpFront


async def book(wish: Wish) -> dict[str, Any]:
    """The saga: all of it, or what was done is undone."""
    booking_id = wish["booking_id"]
    undo: list[Callable[[str], Awaitable[None]]] = []
    try:
        undo.append(steps.release_rooms)
        rooms = await steps.hold_rooms(wish)
        undo.append(steps.release_payment)
        await steps.reserve_payment(wish)
    except Refused as refused:
        for release in reversed(undo):
            await release(booking_id)
        return {"state": "refused", "why": str(refused)}
    codes = await steps.confirm(wish, rooms)
    await asyncio.gather(steps.book_rooms(booking_id, codes), steps.capture_payment(booking_id, codes))
    return {"state": "confirmed", "codes": codes}


@asynccontextmanager
async def _life() -> AsyncIterator[Book]:
    connections = await steps.pool()
    yield book
    await connections.close()


app = HttpFront(_life)
