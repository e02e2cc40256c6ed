"""What a subscriber notes as done: never past what still waits in the background queue, and nobody waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from faststream.kafka import KafkaBroker

from shared.consumer import subscriber as subscriber_module
from shared.consumer.processor import Processor
from shared.consumer.subscriber import Subscriber

PLACE = TopicPartition("orders", 0)
WAITED_FOR, REST = "waited for", "rest"


class Shell:
    """A processor that takes a record's value for its urgency, and hangs in the rest until it is let on."""

    def __init__(self) -> None:
        self.routes = SimpleNamespace(topics=(SimpleNamespace(name="orders"),), service="kitchen")
        self.handled: list[int] = []
        self.let = asyncio.Event()
        self.failing = 0

    def decode(self, records: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        if self.failing:
            self.failing -= 1
            raise RecursionError
        return [one for one in records if one.value == WAITED_FOR], [one for one in records if one.value == REST]

    async def process_batch(self, deliveries: Sequence[Any]) -> None:
        if any(one.value == REST for one in deliveries):
            await self.let.wait()
        self.handled += [one.offset for one in deliveries]


def record(offset: int, urgency: str) -> ConsumerRecord[Any, Any]:
    return cast(
        "ConsumerRecord[Any, Any]",
        SimpleNamespace(topic="orders", partition=0, offset=offset, value=urgency, headers=()),
    )


async def test_offsets_stay_behind_what_waits_in_the_queue_while_others_go_on() -> None:
    shell = Shell()
    subscriber = Subscriber(KafkaBroker("nowhere:1"), cast("Processor", shell), batch_messages=50, stalled_seconds=60)
    async with asyncio.timeout(10):
        await subscriber._process([record(0, WAITED_FOR)], {PLACE: 1})
        assert subscriber._done == {TopicPartition("orders", 0): 1}
        await subscriber._process([record(1, REST), record(2, WAITED_FOR)], {PLACE: 3})
        await subscriber._process([record(3, WAITED_FOR)], {PLACE: 4})
        assert shell.handled == [0, 2, 3]
        assert subscriber._done == {TopicPartition("orders", 0): 1}
        shell.let.set()
        await subscriber.stop()
    assert shell.handled == [0, 2, 3, 1]
    assert subscriber._done == {TopicPartition("orders", 0): 4}


async def test_a_batch_that_cannot_be_read_is_stayed_at_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_module, "BROKEN_PAUSE_S", 0)
    shell = Shell()
    shell.failing = 2
    subscriber = Subscriber(KafkaBroker("nowhere:1"), cast("Processor", shell), batch_messages=50, stalled_seconds=60)
    async with asyncio.timeout(10):
        await subscriber._process([record(0, WAITED_FOR)], {PLACE: 1})
    assert shell.handled == [0]
    assert subscriber._done == {TopicPartition("orders", 0): 1}
