"""Sees whether what the broker has is fetched: asks it for its newest offsets now and then, and compares."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.errors import described

LOOK_SECONDS = 2.0
ANSWER_SECONDS = 3.0
SILENT_SECONDS = 5.0  # and no more: with the pause before it this shows within ten that a broker stands still


@dataclass
class FetchLagMonitor:
    """Remembers where each partition stood and since when; times are seconds of one steady clock.

    aiokafka itself knows the newest offset only of what it fetches: where it fetches nothing, nothing seems to wait.
    """

    ends: dict[TopicPartition, int] = field(default_factory=dict)
    looks: int = 0
    _stood: dict[TopicPartition, tuple[int | None, float]] = field(default_factory=dict)
    _next_look: float = float("-inf")
    _silent_since: float | None = None
    _fault: str = "no answer"

    async def look(self, client: AIOKafkaConsumer, now: float) -> None:
        """Note the positions; where it is time, ask the broker what it has, and wait but briefly for its answer."""
        self.note(positions(client), now)
        if now < self._next_look or not self._stood:
            return
        self._next_look = now + LOOK_SECONDS
        self.asked(now)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self.told(await client.end_offsets(list(self._stood)))
        except Exception as fault:
            self._fault = described(fault)

    def trouble(self, now: float, patience: float) -> str | None:
        """Why nothing may be coming in; None while all is well.

        A broker has SILENT_SECONDS to answer, and what it has `patience` seconds to be fetched.
        """
        if self._silent_since is not None and now - self._silent_since > SILENT_SECONDS:
            return f"Kafka has not said for {now - self._silent_since:.0f} s what there is ({self._fault})"
        stalled = [
            partition
            for partition, (position, since) in self._stood.items()
            if now - since > patience and self.ends.get(partition, 0) > (position or 0)
        ]
        if stalled:
            names = ", ".join(f"{partition.topic}/{partition.partition}" for partition in sorted(stalled)[:3])
            return f"messages wait and none was fetched for {patience:.0f} s: {names}"
        return None

    def note(self, positions: Mapping[TopicPartition, int | None], now: float) -> None:
        """Take what is to be fetched next of each partition; None where that is not yet known.

        A partition with nothing to fetch stands still by right: its time counts from when there is something.
        """
        stood = self._stood
        self._stood = {}
        for partition, position in positions.items():
            before, since = stood.get(partition, (position, now))
            caught_up = position is not None and self.ends.get(partition, 0) <= position
            self._stood[partition] = (position, now if before != position or caught_up else since)

    def told(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take the broker's answer: the offset that each partition's next message will have."""
        self.ends = dict(ends)
        self.looks += 1
        self._silent_since = None

    def asked(self, now: float) -> None:
        """Note that the broker was asked, and since when no answer has come."""
        self._silent_since = now if self._silent_since is None else self._silent_since

    def waiting(self, client: AIOKafkaConsumer) -> int:
        """Messages that the broker has for this consumer and that it has not fetched, by all that is known."""
        return sum(self.waiting_by_topic(client).values())

    def waiting_by_topic(self, client: AIOKafkaConsumer) -> dict[str, int]:
        """The same for each topic that this consumer has partitions of."""
        waiting: dict[str, int] = {}
        for partition, state in _states(client).items():
            # As far as transactions are done: what stands behind an open one cannot be fetched yet.
            behind = max(0, max(state.lso or 0, self.ends.get(partition, 0)) - (state._position or 0))
            waiting[partition.topic] = waiting.get(partition.topic, 0) + behind
        return waiting

    @staticmethod
    def held_back_by_topic(client: AIOKafkaConsumer) -> dict[str, int]:
        """What stands behind the first record of an open transaction, whoever wrote it: no lag shows it."""
        held: dict[str, int] = {}
        for partition, state in _states(client).items():
            behind = max(0, (state.highwater or 0) - (state.lso or 0)) if state.lso is not None else 0
            held[partition.topic] = held.get(partition.topic, 0) + behind
        return held


def positions(client: AIOKafkaConsumer) -> dict[TopicPartition, int | None]:
    """What is to be fetched next of each assigned partition; None where that is not yet known."""
    return {partition: state._position for partition, state in _states(client).items()}


def _states(client: AIOKafkaConsumer) -> dict[TopicPartition, Any]:
    """What aiokafka knows of each assigned partition: it tells nobody of a position without waiting for one."""
    subscription = client._subscription.subscription
    assignment = subscription and subscription.assignment
    return {partition: assignment.state_value(partition) for partition in assignment.tps} if assignment else {}
