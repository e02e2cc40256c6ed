"""A real PostgreSQL database of conversations for each test, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from services.conversations.consumers import routes
from services.conversations.repository import Repository
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders import conversations
from tests.support.doubles.transport import PostOffice
from tests.support.servers.databases import Databases

MakeConsumer = Callable[[], Processor]
TRUNCATE = "TRUNCATE inbox, outbox, bookings, subscribers, threads, messages, replies, readings RESTART IDENTITY"


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> str:
    return databases.fresh("conversations")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    async with database.connection() as connection:
        await connection.execute(TRUNCATE)
    yield database
    await database.close()


@pytest.fixture
def post_office() -> PostOffice:
    return PostOffice()


@pytest.fixture
def relay(database: Database, post_office: PostOffice) -> OutboxPublisher:
    return OutboxPublisher(post_office, database, clock=lambda: conversations.NOW)


@pytest.fixture
def repository() -> Repository:
    return Repository(conversations.PLACE, {"manager": "+50370000000"})


@pytest.fixture
def consumer(make_consumer: MakeConsumer) -> Processor:
    return make_consumer()


@pytest.fixture
def processor(make_consumer: MakeConsumer) -> Processor:
    """What webhooks put their messages through."""
    return make_consumer()


@pytest.fixture
def make_consumer(database: Database, relay: OutboxPublisher, repository: Repository) -> MakeConsumer:
    def make() -> Processor:
        return Processor(routes(repository), database, relay, clock=lambda: conversations.NOW, retry_pauses=())

    return make
