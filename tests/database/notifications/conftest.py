"""A real PostgreSQL database of notifications for each test, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from services.notifications.consumers import routes
from services.notifications.content.composer import NotificationComposer
from services.notifications.repository import Repository
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders import notifications
from tests.support.doubles.transport import PostOffice
from tests.support.servers.databases import Databases

MakeConsumer = Callable[[NotificationComposer], Processor]


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> str:
    return databases.fresh("notifications")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    async with database.connection() as connection:
        await connection.execute(
            "TRUNCATE inbox, outbox, deliveries, agenda, last_heard, reports, alarms RESTART IDENTITY"
        )
    yield database
    await database.close()


@pytest.fixture
def post_office() -> PostOffice:
    return PostOffice()


@pytest.fixture
def relay(database: Database, post_office: PostOffice) -> OutboxPublisher:
    return OutboxPublisher(post_office, database, clock=lambda: notifications.NOW)


@pytest.fixture
def make_consumer(database: Database, relay: OutboxPublisher) -> MakeConsumer:
    def make(composer: NotificationComposer) -> Processor:
        return Processor(
            routes(Repository(composer)), database, relay, clock=lambda: notifications.NOW, retry_pauses=()
        )

    return make
