"""A circuit breaker around an inventory: while it is down nobody waits for its time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from services.availability.external.port import (
    CannotCancel,
    FreeRooms,
    Inventory,
    InventoryUnavailable,
    RoomOrder,
    RoomTaken,
)
from services.availability.stay import Stay

Answer = TypeVar("Answer")


class CircuitBreakerInventory:
    """The same inventory; after some failures in a row it is not asked for a while, then with one call tried again."""

    def __init__(self, inventory: Inventory, *, threshold: int, open_seconds: float) -> None:
        self._inventory = inventory
        answers = [RoomTaken, CannotCancel, asyncio.CancelledError]  # none of these says that it is down
        self._breakers = AsyncCircuitBreakerFactory(threshold, open_seconds, exclude=[*answers])

    @property
    def can_cancel(self) -> bool:
        """The inventory's own."""
        return self._inventory.can_cancel

    async def free_rooms(self, stay: Stay) -> FreeRooms:
        """Ask, unless the circuit is open."""
        return await self._through(lambda: self._inventory.free_rooms(stay))

    async def book(self, order: RoomOrder) -> str:
        """Book, unless the circuit is open."""
        return await self._through(lambda: self._inventory.book(order))

    async def cancel(self, key: UUID, code: str) -> None:
        """Cancel, unless the circuit is open."""
        await self._through(lambda: self._inventory.cancel(key, code))

    async def close(self) -> None:
        """Close the inventory."""
        await self._inventory.close()

    async def _through(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        breaker = await self._breakers.get_breaker("inventory")
        try:
            async with breaker:
                return await ask()
        except OpenedState as is_open:
            raise CircuitOpen("it failed too often; it is asked again later") from is_open


class CircuitOpen(InventoryUnavailable):
    """It was not even asked: nothing can have been booked."""
