"""Places that keep rooms: ours on PostgreSQL, and the reference system over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.availability.external.adapters.pms import Pms
from services.availability.external.store import BookingAttemptJournal
from services.availability.repository import Repository
from shared.database.pool import Database
from tests.support.builders.own_inventory import OwnInventory
from tests.support.builders.room_orders import JUNIOR, NUMBERING, ROOMS, STAY, Place, order
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import MovedClock
from tests.support.servers.tcp_proxy import line_to


@pytest.fixture
async def own(fresh_database: Any) -> AsyncIterator[Place]:
    async with line_to(fresh_database("availability")) as wire:
        database = Database(wire.url, command_seconds=5)
        await database.open()
        async with database.connection() as connection:
            others = "UPDATE rooms SET out_of_order_from = '2000-01-01' WHERE type_key = $1 AND number <> ALL($2)"
            await connection.execute(others, JUNIOR, list(ROOMS))
        inventory = OwnInventory(database, Repository(), "las-hojas", "HR", MovedClock())

        async def snatch(room: str) -> None:
            await inventory.book(order(room))

        yield Place(inventory, snatch, wire.cut, wire.mend)
        await database.close()


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms()) as running:
        yield running


@pytest.fixture
async def pms(fake_pms: FakePms) -> AsyncIterator[Place]:
    inventory = Pms(fake_pms.url, "HR", NUMBERING, cancels=True, seconds=5, allowed=LOOPBACK)

    async def snatch(room: str) -> None:
        fake_pms.take(room, STAY.check_in, STAY.check_out)

    async def cut() -> None:
        fake_pms.fails = 1000

    async def mend() -> None:
        fake_pms.fails = 0

    yield Place(inventory, snatch, cut, mend)
    await inventory.close()


@pytest.fixture(params=["own", "pms"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each in turn."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def journal(database: Database) -> BookingAttemptJournal:
    return BookingAttemptJournal(database.connection)
