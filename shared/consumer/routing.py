"""A service's route table: which message goes to which handler, on which topics, over which repository."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Refusal
from shared.kafka.topics import Topic
from shared.messages.inbound import Invalid
from shared.messages.message import Message, Outgoing

UnitOfWork = TypeVar("UnitOfWork")
M = TypeVar("M", bound=Message)
Sends = Iterable[Message | Outgoing]
Handler = Callable[[Any, Any, datetime], Sends]
Load = Callable[[Connection, Sequence[Message], datetime], Awaitable[Any]]
Prefetch = Callable[[Sequence[Message]], Awaitable[None]]


class RefusedTooLate(Exception):
    """A handler refused a message after it had changed the unit of work: an error in the handler."""


class Repository(Protocol[UnitOfWork]):
    """Loads what a batch needs in few queries, and writes what became of it."""

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The state of everything that the messages touch, locked against other writers."""
        ...

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> Sequence[Statement] | None:
        """Write every change; raises Conflict where another writer was first.

        Changes that can wait for the end of the transaction may be returned, to go together with the outbox.
        """
        ...


@runtime_checkable
class OptimisticRepository(Repository[UnitOfWork], Protocol[UnitOfWork]):
    """One that can also load without locks, for the usual case that no other writer interferes.

    Its `save` writes nothing itself: the statements that it returns name the rows that they must find, so that they
    fail as a whole when what they build on has changed.
    """

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same as `load`, outside a transaction: seen, not locked.

        Raises:
            Conflict: when this batch is better handled under locks.
        """
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """How one type of message is handled, and what a refusal or an invalid form of it is answered with."""

    handle: Handler
    refused: Callable[[Any, Refusal], Message] | None = None
    repeats: bool = False


@dataclass
class Routes(Generic[UnitOfWork]):
    """All routes of a service. Handlers are pure: (unit of work, message, now) gives messages or raises a Refusal.

    A handler refuses before it changes anything in the unit of work: with the answer to a refusal that `refused` makes,
    all changes of the batch are committed. One that refuses behind a change has a fault, and nothing is committed; so
    that this is noticed, a unit of work with such routes counts its changes in `changes_made`.
    `for_invalid` turns a message that does not fit its model into one that can be answered; None sets it aside.
    `prefetch` learns from outside what a batch's handlers will look for, before any is called and any lock is taken.
    """

    service: str
    topics: tuple[Topic, ...]
    repository: Repository[UnitOfWork]
    table: dict[type[Message], Route] = field(default_factory=dict)
    for_invalid: Callable[[Invalid], Message | None] | None = None
    prefetch: Prefetch | None = None

    def on(
        self,
        message: type[M],
        handle: Callable[[UnitOfWork, M, datetime], Sends],
        *,
        refused: Callable[[M, Refusal], Message] | None = None,
        repeats: bool = False,
    ) -> None:
        """Send a type of message to a handler; `refused` makes the answer out of its refusal.

        With `repeats` a message that is published again, even under the same event id, is handled again: the handler
        itself knows what it has seen. The redelivery of one and the same record never is.

        Raises:
            ValueError: when the type has a route already.
        """
        if message in self.table:
            raise ValueError(f"{message.type_name} has a route already")
        self.table[message] = Route(handle, refused, repeats)
