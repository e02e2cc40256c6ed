"""A second inventory behind the port, for its tests: rooms in PostgreSQL, guarded by the primary key of room_nights."""

from __future__ import annotations

from uuid import UUID

from services.availability.external.port import FreeRooms, InventoryUnavailable, RoomOrder, RoomTaken
from services.availability.hold import Hold, State
from services.availability.inventory.store import LOCK_HOLDS, hold_in
from services.availability.repository import Nights, Repository
from services.availability.stay import Stay
from shared.clock import Clock
from shared.database.pool import UNAVAILABLE, Connection, Database
from shared.database.statements import execute_together
from shared.errors import Conflict


class OwnInventory:
    """The rooms of one of our properties. A reservation's code is the prefix and the beginning of its order's key."""

    can_cancel = True

    def __init__(self, database: Database, repository: Repository, property_id: str, prefix: str, clock: Clock) -> None:
        self._database = database
        self._repository = repository
        self._property = property_id
        self._prefix = prefix
        self._clock = clock

    async def free_rooms(self, stay: Stay) -> FreeRooms:
        """Every room that is neither held nor booked nor out of order."""
        try:
            async with self._database.connection() as connection:
                seen = await self._repository.view(connection, [Nights(self._property, stay.check_in, stay.check_out)])
        except UNAVAILABLE as outage:
            raise InventoryUnavailable(type(outage).__name__) from outage
        property_ = seen.property_of(self._property)
        return {key: tuple(seen.free_rooms(property_, stay, key)) for key in property_.types}

    async def book(self, order: RoomOrder) -> str:
        """Take the room's nights under the order's key."""
        code = f"{self._prefix}{order.key.hex[:8].upper()}"
        now = self._clock()
        hold = Hold(
            order.key, self._property, State.BOOKED, order.stay, (order.room,), now, codes=((order.room, code),)
        )
        try:
            async with self._database.transaction() as connection:
                known = await self._repository.hold(connection, order.key)
                if known is None:
                    await self._write(connection, hold)
        except Conflict as rival:
            raise RoomTaken(order.room) from rival
        except UNAVAILABLE as outage:
            raise InventoryUnavailable(type(outage).__name__) from outage
        return code

    async def cancel(self, key: UUID, code: str) -> None:
        """Give the nights back."""
        try:
            async with self._database.transaction() as connection:
                row = await connection.fetchrow(LOCK_HOLDS, [key])
                if row and hold_in(row).state is not State.RELEASED:
                    await self._write(connection, hold_in(row).released(), row["version"])
        except UNAVAILABLE as outage:
            raise InventoryUnavailable(type(outage).__name__) from outage

    async def close(self) -> None:
        """The database is its owner's."""

    async def _write(self, connection: Connection, hold: Hold, version: str | None = None) -> None:
        seen = await self._repository.view(connection, [])
        if version is None:
            seen.add(hold)
        else:
            seen.versions = {hold.booking_id: version}
            seen.release(hold)
        await execute_together(connection, await self._repository.save(connection, seen, self._clock()))
