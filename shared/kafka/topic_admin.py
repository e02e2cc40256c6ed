"""Creates missing topics on a broker, sets the largest message of existing ones, and lists partitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from shared.kafka.access import from_environment
from shared.kafka.topics import LARGEST_MESSAGE, Topic

_ALREADY_EXISTS = TopicAlreadyExistsError.errno
_NOT_THERE = UnknownTopicOrPartitionError.errno
_SET_FOR_THE_TOPIC = 1  # Kafka's number for the source of a setting


async def create_topics(bootstrap: str, topics: Iterable[Topic], replication: int = 1) -> list[str]:
    """Create the missing topics and return their names; existing topics are not changed.

    Raises:
        KafkaError: when the broker refuses, unless the topic exists.
    """
    wanted = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings()) for topic in topics]
    async with _admin(bootstrap) as admin:
        answer = await admin.create_topics(wanted)
    return [name for name in (_created(*error) for error in answer.topic_errors) if name]


async def bound_messages(bootstrap: str, topics: Iterable[Topic]) -> list[str]:
    """Raise the largest message of existing topics to what is declared; returns the names of changed topics.

    A topic that allows more keeps that, and other settings are not changed. Missing topics are skipped.

    Raises:
        KafkaError: when the broker refuses.
    """
    declared = {topic.name: topic.largest for topic in topics}
    async with _admin(bootstrap) as admin:
        own = await _own_settings(admin, declared)
        changed = [name for name, settings in own.items() if int(settings.get(LARGEST_MESSAGE, 0)) < declared[name]]
        # The request replaces all settings of a topic.
        wanted = [_topic(name, own[name] | {LARGEST_MESSAGE: str(declared[name])}) for name in changed]
        for answer in await admin.alter_configs(wanted) if wanted else ():
            for code, _, _, name in answer.resources:
                if code:
                    raise for_code(code)(f"topic {name} could not be given its {LARGEST_MESSAGE}")
    return changed


async def _own_settings(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs([_topic(name) for name in names]):
        for code, _, _, name, entries in answer.resources:
            if code not in {0, _NOT_THERE}:
                raise for_code(code)(f"the settings of topic {name} could not be read")
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_FOR_THE_TOPIC}
    return found


def _topic(name: str, settings: dict[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, settings)


async def partitions(bootstrap: str, topics: Collection[str]) -> list[TopicPartition]:
    """Every partition of these topics; a missing topic has none."""
    async with _admin(bootstrap) as admin:
        existing = await admin.describe_topics()  # all topics: a broker may create one that is asked for by name
    wanted = [topic for topic in existing if topic["topic"] in topics]
    return sorted(
        TopicPartition(topic["topic"], partition["partition"]) for topic in wanted for partition in topic["partitions"]
    )


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _created(name: str, code: int, *_: object) -> str | None:
    if code == _ALREADY_EXISTS:
        return None
    if code:
        raise for_code(code)(f"topic {name} could not be created")
    return name
