"""Rows that linger are sent however busy the garbage collector is."""

from __future__ import annotations

import asyncio
import gc
from typing import Any
from uuid import uuid4

from shared.messages.message import LINGER_SECONDS
from shared.outbox.publisher import KafkaTransport
from shared.outbox.row import Row


class Stuck:
    """A producer whose sending waits for what nobody else knows of."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def send(self, *_: Any, **__: Any) -> Any:
        """Wait for ever."""
        self.asked.set()
        await asyncio.get_running_loop().create_future()


async def test_their_task_is_held_on_to() -> None:
    producer = Stuck()
    transport = KafkaTransport(producer)  # type: ignore[arg-type]
    await transport.send(Row(uuid4(), "topic", "key", [], b"{}", urgent=False))
    async with asyncio.timeout(100 * LINGER_SECONDS):
        await producer.asked.wait()
    gc.collect()
    (task,) = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not task.done()
    task.cancel()
