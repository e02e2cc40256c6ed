"""Topics as data: name, partitions, retention; declared by us, because a broker's own default is one partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

_ALREADY_EXISTS = TopicAlreadyExistsError.errno
_SUMMED_UP = "compact"


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic.

    `partitions` bounds how many instances share its work. `default_type` is the CloudEvents type that a message
    without a `ce_type` header is taken for; only public topics that carry a single type have one.
    """

    name: str
    description: str
    partitions: int = 6
    retention: timedelta = timedelta(days=7)
    public: bool = False
    compacted: bool = False
    default_type: str | None = None

    def settings(self) -> dict[str, str]:
        """The broker's configuration for this topic."""
        if self.compacted:
            return {"cleanup.policy": _SUMMED_UP}
        return {"retention.ms": str(int(self.retention.total_seconds() * 1000))}


async def create_topics(bootstrap: str, topics: Iterable[Topic], replication: int = 1) -> list[str]:
    """Create the topics that are missing and return their names; those that exist are left as they are.

    Raises:
        KafkaError: when the broker refuses one for another reason than that it is there.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = [
            NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings()) for topic in topics
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    return [name for name in (_created(*error) for error in answer.topic_errors) if name]


def _created(name: str, code: int, *_: object) -> str | None:
    if code == _ALREADY_EXISTS:
        return None
    if code:
        raise for_code(code)(f"topic {name} could not be created")
    return name
