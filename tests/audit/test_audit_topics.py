"""What the auditor reads of topics."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from posada.audit import topic_books
from posada.audit.topic_books import BOOKING, TopicReader
from posada.wire import CONFIRMED
from shared.topic_admin import create_topics
from shared.topics import Topic


@pytest.mark.real
async def test_outcomes_on_partitions_that_were_added_are_read(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"posada.wide.{uuid4().hex}"
    await create_topics(kafka_bootstrap, [Topic(name, "", partitions=3)])
    monkeypatch.setattr(topic_books, "BOOKING_EVENTS", Topic(name, "", partitions=1))
    told: dict[UUID, int] = {uuid4(): partition for partition in range(3)}
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        for booking, partition in told.items():
            headers = [("ce_type", CONFIRMED.encode()), ("ce_source", BOOKING.encode()), ("ce_id", b"1")]
            key = str(booking).encode()
            await producer.send_and_wait(name, b"{}", key=key, partition=partition, headers=headers)

    async with TopicReader(kafka_bootstrap) as topics:
        assert set((await topics.look()).announced) == set(told)
