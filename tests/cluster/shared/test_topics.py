"""How wide topics are made, what they may carry, and that partitions which were added later are found."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import system_clock
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.topic_admin import bound_messages, create_topics, partitions
from shared.kafka.topics import DEFAULT_PARTITIONS, KEPT_BYTES, LARGEST_MESSAGE, MESSAGE_BYTES, Topic, dead
from shared.messages.inbound import InboundMessage, Invalid
from shared.messages.message import Envelope
from shared.outbox import outbox
from shared.outbox.dead_letter_topic import list_dead
from shared.outbox.dead_letters import MAX_HISTORY, row_for


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
    while not await partitions(kafka_bootstrap, {wide.name}):  # noqa: ASYNC110 — nobody tells of it
        await asyncio.sleep(0.05)
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


async def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    """What the broker goes by for a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    await admin.close()
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


@pytest.mark.real
@pytest.mark.parametrize(
    ("before", "bound"),
    [({}, MESSAGE_BYTES), ({LARGEST_MESSAGE: "5000"}, MESSAGE_BYTES), ({LARGEST_MESSAGE: "9000000"}, 9_000_000)],
)
async def test_topics_that_are_there_are_bounded_and_keep_what_was_set_by_hand(
    kafka_bootstrap: str, before: dict[str, str], bound: int
) -> None:
    topic = Topic(f"posada.bounded.{uuid4().hex}", "")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic.name, 1, 1, topic_configs={"segment.ms": "77000000", **before})])
    while topic.name not in await admin.list_topics():  # noqa: ASYNC110 — nobody tells of it
        await asyncio.sleep(0.05)
    await admin.close()
    nowhere = Topic(f"posada.nowhere.{uuid4().hex}", "")
    changed = await bound_messages(kafka_bootstrap, [topic, nowhere])
    assert changed == ([topic.name] if bound == MESSAGE_BYTES else [])
    after = await settings_of(kafka_bootstrap, topic.name)
    assert (after[LARGEST_MESSAGE], after["segment.ms"]) == (str(bound), "77000000")
    assert await bound_messages(kafka_bootstrap, [topic]) == []


@pytest.mark.real
async def test_what_is_too_large_for_a_topic_does_not_get_in(kafka_bootstrap: str) -> None:
    topic = Topic(f"posada.bounded.{uuid4().hex}", "", partitions=1, largest=20_000)
    await create_topics(kafka_bootstrap, [topic])
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        await producer.send_and_wait(topic.name, b"x" * 19_000)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic.name, b"x" * 21_000)


@pytest.mark.real
@pytest.mark.parametrize(
    ("headers", "first", "value"),
    [(0, 0, b""), (20_000, 0x4000, b""), (40_000, 0x10000, b""), (5_000, 0x80, b"\xff" * 5)],
)
async def test_the_largest_message_with_the_longest_history_is_set_aside_whole(
    kafka_bootstrap: str, headers: int, first: int, value: bytes
) -> None:
    name = f"large-{uuid4().hex}"
    topic, letters = Topic(f"posada.{name}", "", partitions=1), dead(name)
    await create_topics(kafka_bootstrap, [topic, letters])
    body = b"x" * (MESSAGE_BYTES - 200 - headers * 10)
    sent = [(chr(first + number), value) for number in range(headers)]
    history = [{"attempt": "1", "at": "", "fault": "\N{ADMISSION TICKETS}" * 500}] * MAX_HISTORY
    envelope = Envelope(id="1", type="t", source="s", time=system_clock())
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, max_request_size=KEPT_BYTES) as producer,
        AIOKafkaConsumer(topic.name, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest") as consumer,
    ):
        await producer.send_and_wait(topic.name, body, headers=sent)
        record = await consumer.getone()
        said = json.dumps(history).encode()
        fault, now = "\N{SNOWMAN}" * 999, envelope.time
        invalid = Invalid("t", "", body, None, ())
        inbound = InboundMessage(record, envelope, invalid, uuid4(), "t/0/0", history=said)
        row = row_for(name, letters, inbound, fault=fault, now=now)
        kept = [(name, text.encode()) for name, text in outbox._kept(row.headers)]
        await producer.send_and_wait(row.topic, row.body, key=row.key.encode(), headers=kept)
    (letter,) = await list_dead(kafka_bootstrap, [letters])
    assert (letter.body, letter.cut_from, len(letter.history)) == (body, 0, MAX_HISTORY)
