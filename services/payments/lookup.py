"""What a question or a case finds, read without locks and without changing anything."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from services.payments.repository import Repository
from services.payments.requests.terms import Terms
from services.payments.rows import NAMINGS
from services.payments.unit_of_work import UnitOfWork
from shared.clock import Clock
from shared.contracts.payments import VerifyPayment
from shared.database.pool import Database
from shared.database.statements import execute_together


class Lookup:
    """Reads for the API what handlers would load."""

    def __init__(self, repository: Repository, database: Database, clock: Clock, terms: Terms) -> None:
        self._repository = repository
        self._database = database
        self.now = clock
        self._terms = terms

    def today(self, property_id: str) -> date:
        """The date at a property."""
        return self.now().astimezone(self._terms.of(property_id).zone).date()

    async def question(self, ask: VerifyPayment) -> UnitOfWork:
        """Every payment that a question may mean."""
        async with self._database.connection() as connection:
            return await self._repository.load_optimistic(connection, [ask], self.now())

    async def keep_namings(self, uow: UnitOfWork) -> None:
        """Store to whom a question has named payments."""
        if uow.new_namings:
            async with self._database.transaction() as connection:
                await execute_together(connection, [NAMINGS.insert(uow.new_namings.values())])

    async def case(self, booking_id: UUID) -> UnitOfWork:
        """A booking's request with every payment that it may mean."""
        async with self._database.connection() as connection:
            return await self._repository.case(connection, booking_id)
