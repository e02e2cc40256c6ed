"""A real PostgreSQL database of conversations for each test, empty."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from deploy.local.databases import PostgresPart
from deploy.local.parts import POSTGRES_VARIABLE, GivenPostgres
from deploy.local.postgres import EmbeddedPostgres
from services.conversations.consumers import routes
from services.conversations.repository import Repository
from shared.consumer import Consumer
from shared.database import Database
from shared.messages import Envelope, message_types
from shared.migrations import upgrade
from shared.outbox import Row
from shared.relay import Relay

from . import builders

NAME = "test_conversations"
MakeConsumer = Callable[[], Consumer]
TRUNCATE = "TRUNCATE inbox, outbox, bookings, subscribers, threads, messages RESTART IDENTITY"


class PostOffice:
    """Keeps what would go to Kafka."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    async def post(self, row: Row) -> asyncio.Future[Any]:
        self.rows.append(row)
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arrived.set_result(None)
        return arrived

    @property
    def messages(self) -> list[Any]:
        types = message_types()
        nothing = Envelope("", "", "")
        return [
            types[Envelope.from_headers(row.headers, default=nothing).type].model_validate_json(row.body or b"")
            for row in self.rows
        ]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresPart]:
    folder = tmp_path_factory.mktemp("postgres")
    given = os.environ.get(POSTGRES_VARIABLE)
    with GivenPostgres(given, folder) if given else EmbeddedPostgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def database_url(postgres: PostgresPart) -> Iterator[str]:
    postgres.create_databases([NAME])
    url = postgres.dsn(NAME, NAME)
    upgrade("conversations", url)
    yield url
    postgres.drop_databases([NAME])


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
def relay(database: Database, post_office: PostOffice) -> Relay:
    return Relay(post_office, database, clock=lambda: builders.NOW)


@pytest.fixture
def repository() -> Repository:
    return Repository(builders.PLACE, {"manager": "+50370000000"})


@pytest.fixture
def consumer(make_consumer: MakeConsumer) -> Consumer:
    return make_consumer()


@pytest.fixture
def make_consumer(database: Database, relay: Relay, repository: Repository) -> MakeConsumer:
    def make() -> Consumer:
        return Consumer(routes(repository), database, relay, clock=lambda: builders.NOW, back_off=())

    return make
