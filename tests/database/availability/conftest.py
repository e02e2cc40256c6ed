"""The reference property as the seed plants it, and availability over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.availability.consumers import routes
from services.availability.repository import Nights, Repository
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.bookings import CHECK_IN
from tests.support.doubles.transport import MovedClock, PostOffice, process_records, record_of
from tests.support.servers.databases import FreshDatabase, apart_async


class Availability:
    """The service over its database, told by hand."""

    def __init__(self, database: Database, clock: MovedClock | None = None) -> None:
        self.database = database
        self.clock = clock or MovedClock()
        self.office = PostOffice()
        self.repository = Repository()
        self.relay = OutboxPublisher(self.office, database, clock=self.clock)
        self.consumer = Processor(routes(self.repository), database, self.relay, clock=self.clock, retry_pauses=())

    async def tell(self, *messages: Message) -> list[Message]:
        """One batch; gives what was answered."""
        await process_records(self.consumer, [record_of(message) for message in messages])
        answers = self.office.messages
        self.office.taken()
        return answers


@pytest.fixture
async def database(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    """A fresh database, planted and open."""
    opened = Database(fresh_database("availability"))
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def service(database: Database) -> Availability:
    """The service over the fresh database."""
    return Availability(database)


@pytest.fixture(scope="module")
def planted(module_database: FreshDatabase) -> UnitOfWork:
    """What the service reads of the reference property for March 2026, all of it free."""
    return apart_async(_view, module_database("availability"))


async def _view(url: str) -> UnitOfWork:
    database = Database(url)
    await database.open()
    try:
        async with database.connection() as connection:
            stays = [Stay(CHECK_IN, CHECK_IN.replace(day=CHECK_IN.day + nights)) for nights in range(1, 8)]
            return await Repository().view(connection, [Nights("las-hojas", s.check_in, s.check_out) for s in stays])
    finally:
        await database.close()


@pytest.fixture
def uow(planted: UnitOfWork) -> UnitOfWork:
    """The same, untouched by other tests."""
    return UnitOfWork(planted.properties, planted.default_property, free=planted.free)
