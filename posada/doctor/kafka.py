"""Looks at Kafka: address and credentials, topics with their partitions and retention, and its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from posada.doctor.clocks import skew
from posada.doctor.findings import Finding, broken, fine, worth_a_look
from shared.clock import system_clock
from shared.contracts.topics import ALL_TOPICS
from shared.errors import described
from shared.kafka.access import from_environment
from shared.kafka.topics import Topic

ABOUT = "Kafka"
SECONDS = 20
STEADY_BROKERS = 3


async def look_at(bootstrap: str) -> AsyncIterator[Finding]:
    """Everything about Kafka; where it cannot be reached, only that."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    try:
        async with asyncio.timeout(SECONDS):
            await client.start()
            brokers = len((await client.describe_cluster())["brokers"])
            yield fine(ABOUT, f"answers at {bootstrap} with {brokers} broker{'s' if brokers > 1 else ''}")
            described_topics = await client.describe_topics([topic.name for topic in ALL_TOPICS])
            settings = await _settings(client)
        for finding in judged(described_topics, settings, brokers):
            yield finding
        yield await _clock(client, bootstrap)
    except (KafkaError, OSError, TimeoutError) as fault:
        remedy = "see that it runs, and POSADA_KAFKA_BOOTSTRAP, POSADA_KAFKA_SECURITY_PROTOCOL, USERNAME and PASSWORD"
        yield broken(ABOUT, f"does not answer at {bootstrap}: {described(fault) or 'no answer in time'}", remedy)
    finally:
        await client.close()


def judged(
    found: Sequence[Mapping[str, Any]], settings: Mapping[str, Mapping[str, str]], brokers: int
) -> Iterator[Finding]:
    """What is to be said of the topics; one line where all are right."""
    by_name = {one["topic"]: one for one in found if not one["error_code"]}
    trouble = [
        finding
        for topic in ALL_TOPICS
        for finding in _of(topic, by_name.get(topic.name), settings.get(topic.name, {}), brokers)
    ]
    yield from trouble or [fine(ABOUT, f"has all {len(ALL_TOPICS)} topics as they should be")]


def _of(topic: Topic, found: Mapping[str, Any] | None, settings: Mapping[str, str], brokers: int) -> Iterator[Finding]:
    about = f"topic {topic.name}"
    if found is None:
        yield broken(about, "is not there", "run `posada topics`")
        return
    partitions = len(found["partitions"])
    if partitions < topic.partitions:
        text = f"has {partitions} partitions, and fewer than {topic.partitions} hold copies of services back"
        yield worth_a_look(about, text, f"add some: kafka-topics.sh --alter --partitions {topic.partitions}")
    for name, wanted in topic.settings().items():
        if name in settings and settings[name] != wanted:
            text = f"has {name}={settings[name]}, it should be {wanted}"
            remedy = f"kafka-configs.sh --alter --topic {topic.name} --add-config {name}={wanted}"
            yield worth_a_look(about, text, remedy)
    copies = min(len(one["replicas"]) for one in found["partitions"])
    if brokers >= STEADY_BROKERS > copies:
        remedy = "make topics with `posada topics --replication 3`, or reassign their partitions"
        yield worth_a_look(about, f"has {copies} copies on {brokers} brokers: the loss of one loses messages", remedy)


async def _settings(client: AIOKafkaAdminClient) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in ALL_TOPICS]
    answers = await client.describe_configs(asked)
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }


async def _clock(client: AIOKafkaAdminClient, bootstrap: str) -> Finding:
    """A topic that is there for a moment tells when the broker wrote a message."""
    name = f"posada.doctor.{uuid4()}"
    try:
        stamped = {"message.timestamp.type": "LogAppendTime"}
        answer = await client.create_topics([NewTopic(name, 1, 1, topic_configs=stamped)])
        if any(error[1] for error in answer.topic_errors):
            remedy = "give this user the right to make topics named posada.doctor.*, or compare the clocks by hand"
            return worth_a_look(ABOUT, "its clock was not looked at: no topic may be made for it", remedy)
        try:
            async with (
                asyncio.timeout(SECONDS),
                AIOKafkaProducer(bootstrap_servers=bootstrap, **from_environment()) as producer,
            ):
                await producer.send_and_wait(name, b"")  # so that the next one waits for nothing
                before = system_clock()
                written = await producer.send_and_wait(name, b"")
                after = system_clock()
            return skew(ABOUT, datetime.fromtimestamp(written.timestamp / 1000, UTC), before, after)
        finally:
            await client.delete_topics([name])
    except (KafkaError, TimeoutError) as fault:
        return worth_a_look(ABOUT, f"its clock was not looked at: {described(fault)}", "compare the clocks by hand")
