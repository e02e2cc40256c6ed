"""A database with the engine's tables and one table of notes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.consumer.routing import Routes
from shared.contracts.availability import CountRequested
from shared.contracts.topics import dead, internal
from shared.database.pool import Database
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from tests.support.cluster.instances import PARTITIONS
from tests.support.sagas.sample_service import TABLE, Notes
from tests.support.servers.databases import FreshDatabase


@pytest.fixture
async def notes_url(fresh_database: FreshDatabase) -> str:
    """The address of the fresh database."""
    url = fresh_database("availability")
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    await connection.close()
    return url


@pytest.fixture
async def database(notes_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = Database(notes_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def routes(kafka_bootstrap: str) -> Routes[Any]:
    """A service that no other test knows, with its topics made."""
    service = f"notes-{uuid4().hex[:8]}"
    topic = Topic(f"{service}.requests", "", partitions=PARTITIONS, default_type=CountRequested.type_name)
    await create_topics(kafka_bootstrap, [topic, internal(service), dead(service)])
    return Notes().routes(service, topic)
