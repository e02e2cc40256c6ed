"""Detects that messages wait at the broker and are not fetched: compares its newest offsets with our positions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.errors import described

CHECK_SECONDS = 2.0
ANSWER_SECONDS = 3.0
SILENT_SECONDS = 5.0  # with the pause before it, a broker that hangs is seen within ten seconds


@dataclass
class FetchLagMonitor:
    """Remembers each partition's position and since when it has not moved. Times are monotonic seconds.

    aiokafka knows the newest offsets only of partitions that it fetches: where it fetches nothing, its own lag is 0.
    """

    ends: dict[TopicPartition, int] = field(default_factory=dict)
    answers: int = 0
    _positions: dict[TopicPartition, tuple[int | None, float]] = field(default_factory=dict)
    _next_question: float = float("-inf")
    _silent_since: float | None = None
    _fault: str = "no answer"

    async def check(self, client: AIOKafkaConsumer, now: float) -> None:
        """Note the positions; every CHECK_SECONDS also ask the broker for its newest offsets."""
        self.note_positions(positions(client), now)
        if now < self._next_question or not self._positions:
            return
        self._next_question = now + CHECK_SECONDS
        self.note_question(now)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self.note_answer(await client.end_offsets(list(self._positions)))
        except Exception as fault:
            self._fault = described(fault)

    def trouble(self, now: float, patience: float) -> str | None:
        """What is wrong; None while all is well.

        The broker must answer within SILENT_SECONDS, and its messages must be fetched within `patience` seconds.
        """
        if self._silent_since is not None and now - self._silent_since > SILENT_SECONDS:
            return f"Kafka has not said for {now - self._silent_since:.0f} s what there is ({self._fault})"
        stalled = [
            partition
            for partition, (position, since) in self._positions.items()
            if now - since > patience and self.ends.get(partition, 0) > (position or 0)
        ]
        if stalled:
            names = ", ".join(f"{partition.topic}/{partition.partition}" for partition in sorted(stalled)[:3])
            return f"messages wait and none was fetched for {patience:.0f} s: {names}"
        return None

    def note_positions(self, positions: Mapping[TopicPartition, int | None], now: float) -> None:
        """Note the next offset of each partition; None when it is not known yet.

        A partition that is fetched to its end does not move; its time counts from its next message.
        """
        former = self._positions
        self._positions = {}
        for partition, position in positions.items():
            before, since = former.get(partition, (position, now))
            caught_up = position is not None and self.ends.get(partition, 0) <= position
            self._positions[partition] = (position, now if before != position or caught_up else since)

    def note_answer(self, ends: Mapping[TopicPartition, int]) -> None:
        """Note the broker's answer: the offset of each partition's next message."""
        self.ends = dict(ends)
        self.answers += 1
        self._silent_since = None

    def note_question(self, now: float) -> None:
        """Note that the broker was asked, and since when it has not answered."""
        self._silent_since = now if self._silent_since is None else self._silent_since

    def waiting(self, client: AIOKafkaConsumer) -> int:
        """How many messages the broker has for this consumer that it has not fetched, as far as known."""
        return sum(self.waiting_by_topic(client).values())

    def waiting_by_topic(self, client: AIOKafkaConsumer) -> dict[str, int]:
        """The same for each topic of which this consumer has partitions."""
        waiting: dict[str, int] = {}
        for partition, state in _states(client).items():
            # Up to the first open transaction: what is after it cannot be fetched yet.
            behind = max(0, max(state.lso or 0, self.ends.get(partition, 0)) - (state._position or 0))
            waiting[partition.topic] = waiting.get(partition.topic, 0) + behind
        return waiting

    @staticmethod
    def held_back_by_topic(client: AIOKafkaConsumer) -> dict[str, int]:
        """How many messages are after the first record of an open transaction, by topic. Lag does not show them."""
        held: dict[str, int] = {}
        for partition, state in _states(client).items():
            behind = max(0, (state.highwater or 0) - (state.lso or 0)) if state.lso is not None else 0
            held[partition.topic] = held.get(partition.topic, 0) + behind
        return held


def positions(client: AIOKafkaConsumer) -> dict[TopicPartition, int | None]:
    """The next offset of each assigned partition; None when it is not known yet."""
    return {partition: state._position for partition, state in _states(client).items()}


def _states(client: AIOKafkaConsumer) -> dict[TopicPartition, Any]:
    """aiokafka's state of each assigned partition. Its public way to a position would wait for one."""
    subscription = client._subscription.subscription
    assignment = subscription and subscription.assignment
    return {partition: assignment.state_value(partition) for partition in assignment.tps} if assignment else {}
