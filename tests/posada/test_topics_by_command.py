"""posada topics on a real broker: what is there already stays, and is named where it is too narrow."""

from __future__ import annotations

import asyncio
import json

import pytest

from posada.main import run
from shared.contracts.topics import ALL_TOPICS
from shared.topic_admin import create_topics

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
    assert json.loads(told(capsys, *at, "--json")) == {"created": [], "known": len(ALL_TOPICS), "narrower": []}

    answer = json.loads(told(capsys, *at, "--instances", "24", "--json"))

    assert {one["name"]: (one["partitions"], one["wanted"]) for one in answer["narrower"]} == {
        topic.name: (topic.partitions, topic.partitions * 6) for topic in ALL_TOPICS if topic.partitions > 1
    }
    text = told(capsys, *at, "--instances", "24")
    assert "kafka-topics.sh --alter --topic posada.booking.events --partitions 24\n" in text
