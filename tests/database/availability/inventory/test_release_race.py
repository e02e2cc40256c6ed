"""A hold and its release meet in two processes: whoever is first, nothing stays held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from services.availability.repository import Repository
from shared.contracts.availability import HoldRooms, ReleaseRooms
from shared.database.pool import Connection, Database
from shared.messages.message import Message
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import hold

pytestmark = pytest.mark.real


class Meeting(Repository):
    """Waits, the first time, until both have looked; then the one that is `held_up` lets the other write first."""

    def __init__(self, barrier: asyncio.Barrier, written: asyncio.Event, *, held_up: bool) -> None:
        super().__init__()
        self._barrier: asyncio.Barrier | None = barrier
        self._written = written
        self._held_up = held_up

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> Any:
        """Look, and meet."""
        uow = await super().load_optimistic(connection, messages, now)
        if self._barrier:
            barrier, self._barrier = self._barrier, None
            await barrier.wait()
            if self._held_up:
                await self._written.wait()
        return uow


def one_of_two(database: Database, repository: Meeting) -> Availability:
    service = Availability(database)
    service.consumer.routes.repository = repository
    service.consumer._optimistic = repository
    return service


@pytest.mark.parametrize("first", [HoldRooms, ReleaseRooms])
async def test_what_is_released_stays_released(database: Database, first: type[Message]) -> None:
    command = hold(uuid4())
    release = ReleaseRooms(booking_id=command.booking_id, property_id=command.property_id)
    barrier, written = asyncio.Barrier(2), asyncio.Event()

    async def tell(message: Message) -> None:
        is_first = isinstance(message, first)
        service = one_of_two(database, Meeting(barrier, written, held_up=not is_first))
        await service.tell(message)
        if is_first:
            written.set()

    await asyncio.gather(tell(command), tell(release))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT state FROM holds") == "released"
        assert await connection.fetchval("SELECT count(*) FROM room_nights") == 0
