"""How wide topics are made, and that partitions which were added later are found."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.topics import ALL_TOPICS
from shared.deadletters import list_dead
from shared.topic_admin import create_topics, partitions
from shared.topics import DEFAULT_PARTITIONS, Topic, dead


@pytest.mark.parametrize(
    ("declared", "instances", "made"),
    [(4, 4, 4), (4, 1, 1), (4, 24, 24), (2, 24, 12), (2, 1, 1), (1, 24, 1), (2, 3, 2)],
)
def test_a_topic_is_made_for_as_many_instances(declared: int, instances: int, made: int) -> None:
    assert Topic("posada.wide", "", partitions=declared).for_instances(instances).partitions == made


@given(st.integers(1, 100))
def test_at_least_so_many_may_share_the_work_of_a_wide_topic(instances: int) -> None:
    for topic in ALL_TOPICS:
        if topic.partitions >= DEFAULT_PARTITIONS:
            assert topic.for_instances(instances).partitions >= instances
    assert [topic.for_instances(DEFAULT_PARTITIONS) for topic in ALL_TOPICS] == list(ALL_TOPICS)


@pytest.mark.real
async def test_every_partition_that_is_there_is_found(kafka_bootstrap: str) -> None:
    wide, other = (Topic(f"posada.wide.{uuid4().hex}", "", partitions=number) for number in (3, 2))
    await create_topics(kafka_bootstrap, [wide, other])
    assert await partitions(kafka_bootstrap, {wide.name, "posada.nowhere"}) == [
        TopicPartition(wide.name, number) for number in range(3)
    ]


@pytest.mark.real
async def test_a_letter_on_a_partition_that_was_added_is_listed(kafka_bootstrap: str) -> None:
    declared = dead(f"wide-{uuid4().hex}")
    await create_topics(kafka_bootstrap, [replace(declared, partitions=3)])
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        for partition in range(3):
            await producer.send_and_wait(declared.name, b"{}", key=f"letter-{partition}".encode(), partition=partition)

    assert {letter.id for letter in await list_dead(kafka_bootstrap, [declared])} == {
        "letter-0",
        "letter-1",
        "letter-2",
    }
