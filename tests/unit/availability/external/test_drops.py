"""An outside system whose answer comes in drops is away: nobody waits for the last one."""

from __future__ import annotations

import asyncio

import pytest

from services.availability.external.adapters.pms import Pms
from services.availability.external.port import InventoryUnavailable
from services.availability.stay import Stay
from shared.outbound.destinations import Allowed
from tests.support.builders.bookings import CHECK_IN
from tests.support.doubles.slow_server import answering_in_drops


async def test_an_answer_in_drops_is_none() -> None:
    async with answering_in_drops() as url, asyncio.timeout(20):
        inventory = Pms(url, "HR", seconds=0.3, allowed=Allowed.of(["127.0.0.0/8"]))
        with pytest.raises(InventoryUnavailable):
            await inventory.free_rooms(Stay(CHECK_IN, CHECK_IN.replace(day=CHECK_IN.day + 1)))
        await inventory.close()
