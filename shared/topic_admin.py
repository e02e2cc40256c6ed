"""Creates the topics that are missing on a broker, and asks it for the partitions of those that are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.kafka_access import from_environment
from shared.topics import Topic

_ALREADY_EXISTS = TopicAlreadyExistsError.errno


async def create_topics(bootstrap: str, topics: Iterable[Topic], replication: int = 1) -> list[str]:
    """Create the topics that are missing and return their names; those that exist are left as they are.

    Raises:
        KafkaError: when the broker refuses one for another reason than that it is there.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    await admin.start()
    try:
        wanted = [
            NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings()) for topic in topics
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    return [name for name in (_created(*error) for error in answer.topic_errors) if name]


async def partitions(bootstrap: str, topics: Collection[str]) -> list[TopicPartition]:
    """Every partition that these topics have, those that were added later too; a topic that is not there has none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    await admin.start()
    try:
        there = await admin.describe_topics()  # all: asked for one by name, a broker may make it
    finally:
        await admin.close()
    wanted = [one for one in there if one["topic"] in topics]
    return sorted(TopicPartition(one["topic"], each["partition"]) for one in wanted for each in one["partitions"])


def _created(name: str, code: int, *_: object) -> str | None:
    if code == _ALREADY_EXISTS:
        return None
    if code:
        raise for_code(code)(f"topic {name} could not be created")
    return name
