"""The office: does at once, in one transaction, what a person asks for over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from services.payments.feeds import store as feeds
from services.payments.feeds.csv import BrokenLine
from services.payments.repository import Repository
from services.payments.requests.terms import Terms
from services.payments.unit_of_work import UnitOfWork
from shared.clock import Clock
from shared.database.pool import CONTENDED, Database
from shared.database.statements import execute_together
from shared.errors import Conflict
from shared.messages.message import Message, Outgoing
from shared.outbox import outbox

CONFLICTS = 10  # attempts while rivals keep being first
SOURCE = "posada/payments"

M = TypeVar("M", bound=Message)
Handle = Callable[[UnitOfWork, M, datetime], Sequence[Message | Outgoing]]


class CommandExecutor:
    """Runs the handlers of people's commands over the same locks and constraints as those of Kafka's messages."""

    def __init__(self, repository: Repository, database: Database, clock: Clock, terms: Terms) -> None:
        self._repository = repository
        self._database = database
        self.now = clock
        self._terms = terms

    def today(self, property_id: str) -> date:
        """The date at a property."""
        return self.now().astimezone(self._terms.of(property_id).zone).date()

    async def tell(self, handle: Handle[M], command: M) -> list[Message]:
        """Do what is asked; what it sends goes with the next sweep of the outbox. Gives what is sent at once.

        Raises:
            Refusal: when it may not be done, with the reason.
            Conflict: when rivals were always first.
        """
        for left in reversed(range(CONFLICTS)):
            try:
                return await self._once(handle, command)
            except (Conflict, *CONTENDED):
                if not left:
                    raise
        raise AssertionError

    async def look(self, command: Message) -> UnitOfWork:
        """What a command would find, without locks."""
        async with self._database.connection() as connection:
            return await self._repository.load_optimistic(connection, [command], self.now())

    async def case(self, booking_id: UUID) -> UnitOfWork:
        """A booking's request with every payment that it may mean, without locks."""
        async with self._database.connection() as connection:
            return await self._repository.case(connection, booking_id)

    async def keep_broken(self, source: str, file: str, lines: Sequence[BrokenLine]) -> None:
        """Keep lines that could not be taken for correction."""
        async with self._database.connection() as connection:
            await feeds.keep_broken(connection, source, file, lines, self.now())

    async def _once(self, handle: Handle[M], command: M) -> list[Message]:
        now = self.now()
        async with self._database.transaction() as connection:
            uow = await self._repository.load(connection, [command], now)
            sends = [Outgoing.of(send) for send in handle(uow, command, now)]
            rows = [outbox.row_of(send, SOURCE, None, now) for send in sends]
            changes = await self._repository.save(connection, uow, now)
            await execute_together(connection, [*changes, *outbox.changes(outbox.at_once(rows, now), now)])
        return [send.message for send in sends if send.due is None]
