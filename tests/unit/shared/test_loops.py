"""Work that is repeated: whatever it raises, it is done again."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from shared.loops import repeat


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (asyncpg.CannotConnectNowError("starting"), "loop.waiting"),
        (KafkaConnectionError("away"), "loop.waiting"),
        (ValueError("odd"), "loop.fault"),
    ],
    ids=["database away", "Kafka away", "fault"],
)
async def test_work_goes_on_after_a_fault(fault: Exception, event: str) -> None:
    done = asyncio.Event()
    faults = [fault]

    async def work() -> None:
        if faults:
            raise faults.pop()
        done.set()

    with capture_logs() as lines:
        task = asyncio.create_task(repeat("some work", work, seconds=0))
        await asyncio.wait_for(done.wait(), 5)
        task.cancel()
    assert [(line["event"], line["loop"]) for line in lines] == [(event, "some work")]
