"""posada topics on a real broker: what is there already is bounded, and named where it is too narrow."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from posada.main import run
from shared.contracts.topics import ALL_TOPICS, BOOKING_EVENTS
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import LARGEST_MESSAGE

pytestmark = pytest.mark.real


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `posada topics` prints, which has to succeed."""
    with pytest.raises(SystemExit) as ended:
        run(["topics", *words])
    assert not ended.value.code
    return capsys.readouterr().out


def test_topics_that_are_there_with_too_few_partitions_are_named(
    capsys: pytest.CaptureFixture[str], kafka_bootstrap: str
) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ALL_TOPICS))
    at = ("--bootstrap", kafka_bootstrap)
    as_it_is = {"created": [], "bounded": [], "known": len(ALL_TOPICS), "narrower": []}
    assert json.loads(told(capsys, *at, "--json")) == as_it_is

    answer = json.loads(told(capsys, *at, "--instances", "24", "--json"))

    assert {one["name"]: (one["partitions"], one["wanted"]) for one in answer["narrower"]} == {
        topic.name: (topic.partitions, topic.partitions * 6) for topic in ALL_TOPICS if topic.partitions > 1
    }
    text = told(capsys, *at, "--instances", "24")
    assert "kafka-topics.sh --alter --topic posada.booking.events --partitions 24\n" in text


async def narrow(bootstrap: str, topic: str) -> None:
    """Let a topic carry little."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    own = {LARGEST_MESSAGE: "5000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, own)])
    while True:  # until the broker goes by it
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        if own.items() <= {entry[0]: entry[1] for entry in answer.resources[0][4]}.items():
            break
        await asyncio.sleep(0.05)
    await admin.close()


def test_topics_that_are_there_are_bounded(capsys: pytest.CaptureFixture[str], kafka_bootstrap: str) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ALL_TOPICS))
    asyncio.run(narrow(kafka_bootstrap, BOOKING_EVENTS.name))
    at = ("--bootstrap", kafka_bootstrap)
    assert json.loads(told(capsys, *at, "--json"))["bounded"] == [BOOKING_EVENTS.name]
    assert "bounded" not in told(capsys, *at)
