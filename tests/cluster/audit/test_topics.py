"""What the auditor reads of topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from posada.audit import topic_snapshot
from posada.audit.reading import Record, read_between
from posada.audit.topic_snapshot import BOOKING, TopicReader
from posada.client.booking_events import CONFIRMED
from posada.problems import Problem
from shared.contracts.topics import SERVICES, dead
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from tests.support.doubles.transport import START, MovedClock, raw_record

PLACE = TopicPartition("posada.made-up", 0)


@pytest.fixture
async def dead_topics(kafka_bootstrap: str) -> None:
    """Where services set messages aside."""
    await create_topics(kafka_bootstrap, [dead(service) for service in SERVICES])


async def tell(bootstrap: str, topic: str, told: Mapping[UUID, int]) -> None:
    """Announce these bookings as confirmed, each on the partition that is said."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for booking, partition in told.items():
            headers = [("ce_type", CONFIRMED.encode()), ("ce_source", BOOKING.encode()), ("ce_id", b"1")]
            key = str(booking).encode()
            await producer.send_and_wait(topic, b"{}", key=key, partition=partition, headers=headers)


async def forget(bootstrap: str, topic: str, before: Mapping[int, int]) -> None:
    """Have the broker forget what stands before these offsets, as it does when the retention is over."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        places = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in before.items()}
        await admin.delete_records(places)
    finally:
        await admin.close()


@pytest.mark.real
@pytest.mark.usefixtures("dead_topics")
async def test_outcomes_on_partitions_that_were_added_are_read(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"posada.wide.{uuid4().hex}"
    await create_topics(kafka_bootstrap, [Topic(name, "", partitions=3)])
    monkeypatch.setattr(topic_snapshot, "BOOKING_EVENTS", Topic(name, "", partitions=1))
    told: dict[UUID, int] = {uuid4(): partition for partition in range(3)}
    await tell(kafka_bootstrap, name, told)

    async with TopicReader(kafka_bootstrap) as topics:
        assert set((await topics.look()).announced) == set(told)


@pytest.mark.real
@pytest.mark.usefixtures("dead_topics")
async def test_after_a_month_without_a_booking_nothing_is_whole_any_more(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition that was written to and has nothing left may have had any outcome until now."""
    name = f"posada.quiet.{uuid4().hex}"
    await create_topics(kafka_bootstrap, [Topic(name, "", partitions=3)])
    monkeypatch.setattr(topic_snapshot, "BOOKING_EVENTS", Topic(name, "", partitions=3))
    clock = MovedClock()
    await tell(kafka_bootstrap, name, {uuid4(): 0, uuid4(): 1})

    async with TopicReader(kafka_bootstrap, clock) as topics:
        assert (await topics.look()).whole_since is None
        await forget(kafka_bootstrap, name, {0: 1})
        clock.forward(timedelta(days=40))
        assert (await topics.look()).whole_since == START + timedelta(days=40)


@pytest.mark.real
@pytest.mark.usefixtures("dead_topics")
@pytest.mark.parametrize("missing", ["events", "letters"])
async def test_a_topic_that_it_may_not_see_is_a_problem_and_no_empty_topic(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    there, gone = f"posada.there.{uuid4().hex}", f"posada.gone.{uuid4().hex}"
    await create_topics(kafka_bootstrap, [Topic(there, "", partitions=1)])
    monkeypatch.setattr(
        topic_snapshot, "BOOKING_EVENTS", Topic(gone if missing == "events" else there, "", partitions=1)
    )
    if missing == "letters":
        monkeypatch.setattr(topic_snapshot, "dead", lambda _: Topic(gone, "", partitions=1))

    async with TopicReader(kafka_bootstrap) as topics:
        with pytest.raises(Problem, match=gone):
            await topics.look()


class Source:
    """A broker that hands out these records, one at a time, and then falls silent."""

    def __init__(self, *offsets: int) -> None:
        self._left = list(offsets)
        self._at = 0

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    async def position(self, partition: TopicPartition) -> int:
        return self._at

    async def getmany(self, *, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Record]]:
        await asyncio.sleep(0)
        if not self._left:
            return {}
        offset = self._left.pop(0)
        self._at = offset + 1
        return {PLACE: [raw_record(PLACE.topic, b"", offset=offset)]}


async def test_a_broker_that_falls_silent_is_told_and_not_waited_for() -> None:
    seen: list[int] = []

    def note(record: Record) -> None:
        seen.append(record.offset)

    with pytest.raises(Problem, match="fell silent"):
        await read_between(Source(0, 1), {PLACE: 0}, {PLACE: 3}, note, silence_s=0.05)
    assert seen == [0, 1]
    await read_between(Source(0, 1, 2, 3), {PLACE: 0}, {PLACE: 3}, note, silence_s=5)
    assert seen == [0, 1, 0, 1, 2]
