"""A circuit breaker around an inventory: while it is down no call waits for its time-out."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from services.availability.external.port import (
    CannotCancel,
    FreeRooms,
    Inventory,
    InventoryUnavailable,
    RoomOrder,
    RoomTaken,
)
from services.availability.stay import Stay
from shared.clock import Clock, system_clock
from shared.outbound.breaker import CircuitBreaker

Answer = TypeVar("Answer")


class CircuitBreakerInventory:
    """The same inventory; after some failures in a row it is not asked for a while, then with one call tried again."""

    def __init__(self, inventory: Inventory, breaker: CircuitBreaker, clock: Clock = system_clock) -> None:
        self._inventory = inventory
        self._breaker = breaker
        self._clock = clock
        self._running = 0

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
        if self._breaker.allows(self._running, sys.maxsize, self._clock()) <= 0:
            raise CircuitOpen("it failed too often; it is asked again later")
        self._running += 1
        try:
            answer = await ask()
        except (RoomTaken, CannotCancel):  # which say that it works
            self._breaker.succeeded()
            raise
        except Exception:
            self._breaker.failed(self._clock())
            raise
        finally:
            self._running -= 1
        self._breaker.succeeded()
        return answer


class CircuitOpen(InventoryUnavailable):
    """It was not even asked: nothing can have been booked."""
