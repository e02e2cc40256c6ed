"""A service of notes with topics of its own, and its database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.consumer.routing import Routes
from shared.contracts.availability import CountRequested
from shared.contracts.topics import dead, internal
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from tests.support.cluster.instances import PARTITIONS
from tests.support.sagas.sample_service import Notes
from tests.support.servers.notes_database import database, notes_url

__all__ = ["database", "notes_url"]


@pytest.fixture
async def routes(kafka_bootstrap: str) -> Routes[Any]:
    """A service that no other test knows, with its topics made."""
    service = f"notes-{uuid4().hex[:8]}"
    topic = Topic(f"{service}.requests", "", partitions=PARTITIONS, default_type=CountRequested.type_name)
    await create_topics(kafka_bootstrap, [topic, internal(service), dead(service)])
    return Notes().routes(service, topic)
