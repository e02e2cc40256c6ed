"""Reads partitions between two offsets, and gives up when the broker no longer answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

from posada.problems import Problem

Record: TypeAlias = "ConsumerRecord[Any, Any]"
Places: TypeAlias = Mapping[TopicPartition, int]
POLL_MS: Final = 500
SILENCE_S: Final = 30.0


class Source(Protocol):
    """As much of a consumer without a group as reading takes."""

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Read these from now on."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""

    async def position(self, partition: TopicPartition) -> int:
        """The offset that is read next."""
        ...

    async def getmany(self, *, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Record]]:
        """What has come by then."""
        ...


async def read_between(
    source: Source, begins: Places, ends: Places, note: Callable[[Record], None], silence_s: float = SILENCE_S
) -> None:
    """Note each record from `begins` on and before `ends`.

    Raises:
        Problem: when the broker has said nothing for `silence_s` seconds although there is more to read.
    """
    unread = {partition for partition, end in ends.items() if begins[partition] < end}
    if not unread:
        return
    source.assign(list(unread))
    for partition in unread:
        source.seek(partition, begins[partition])
    try:
        async with asyncio.timeout(silence_s) as limit:
            while unread:
                read = await source.getmany(timeout_ms=POLL_MS)
                if read:
                    limit.reschedule(asyncio.get_running_loop().time() + silence_s)
                for record in (record for several in read.values() for record in several):
                    if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                        note(record)
                unread = {one for one in unread if await source.position(one) < ends[one]}
    except TimeoutError as silent:
        raise went_silent(silence_s) from silent


def went_silent(seconds: float) -> Problem:
    """The problem of a broker that answered at first and then no more."""
    return Problem(f"Kafka fell silent for {seconds:g} seconds in the middle of an answer: see that it runs.")
