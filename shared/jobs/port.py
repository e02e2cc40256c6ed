"""What a service's table of jobs can do, and the bounds within which a runner works on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Generic, Protocol, TypeVar

from shared.database.pool import Connection
from shared.errors import CallFailed
from shared.messages.message import Message


class Job(Protocol):
    """A claimed call to an external system; `attempt` counts from 1, this one included."""

    @property
    def attempt(self) -> int: ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The pauses before the second, third … attempt; the one behind the last pause is the last.

    Where attempts are not `bounded`, the last pause comes again and again: the service decides when it is enough.
    """

    pauses: tuple[timedelta, ...]
    bounded: bool = True

    @property
    def attempts(self) -> int:
        """How many there are at most."""
        return len(self.pauses) + 1

    def is_over(self, attempt: int) -> bool:
        """Whether an attempt is one too many: those before it began and never ended."""
        return self.bounded and attempt > self.attempts

    def pause(self, attempt: int) -> timedelta:
        """The pause behind an attempt, the longest behind the last."""
        return self.pauses[min(attempt, len(self.pauses)) - 1]

    def retry_at(self, attempt: int, failure: CallFailed, now: datetime) -> datetime | None:
        """When to try again after a failure; None where that is of no use, or it was the last attempt."""
        if failure.final or (self.bounded and attempt >= self.attempts):
            return None
        return now + max(self.pause(attempt), failure.retry_after or timedelta())


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How one instance works: at most `at_once` jobs, each call within `deadline`, renewed while it runs.

    What an instance claimed is its own for a `lease`, and another's when that ends.
    """

    at_once: int
    lease: timedelta
    deadline: timedelta
    retries: RetrySchedule
    poll_seconds: float = 0.5
    renewals: int = 3  # of a lease, within its time


@dataclass(slots=True)
class JobTransaction:
    """One transaction of a runner: its connection, its time, and the messages that leave with its commit."""

    connection: Connection
    now: datetime
    messages: list[Message] = field(default_factory=list)


Chore = Callable[[JobTransaction], Awaitable[None]]


class JobStore(ABC, Generic[J, R]):
    """One service's jobs: the table that they stand in, and what executing one does.

    With `together`, results of jobs that end at the same time are recorded at once.
    """

    together: ClassVar[bool] = False

    def chores(self) -> Sequence[Chore]:
        """What is written before each claim, each in a transaction of its own; one that fails stops nothing else."""
        return ()

    @abstractmethod
    async def claim(self, tx: JobTransaction, limit: int, running: Sequence[J], lease: timedelta) -> Sequence[J]:
        """Take up to `limit` jobs that are due, for the time of a lease. `running` are those of this instance."""

    @abstractmethod
    async def renew(self, connection: Connection, jobs: Sequence[J], until: datetime) -> None:
        """Keep jobs that are under way until then."""

    @abstractmethod
    async def execute(self, job: J) -> R:
        """Make the call, outside any transaction.

        Raises:
            CallFailed: when it failed; whatever else is raised is a fault that may pass.
        """

    @abstractmethod
    async def done(self, tx: JobTransaction, results: Sequence[tuple[J, R]]) -> None:
        """Write what came of jobs; what another instance has written before stays."""

    @abstractmethod
    async def failed(self, tx: JobTransaction, job: J, failure: CallFailed, retry_at: datetime) -> None:
        """Write that a job is tried again at that time."""

    @abstractmethod
    async def abandon(self, tx: JobTransaction, job: J, failure: CallFailed) -> None:
        """Write the end of a job that failed for good: what waits for it is answered."""

    def is_one_statement(self, results: Sequence[tuple[J, R]]) -> bool:
        """Whether `done` writes these by one statement and sends nothing: then it needs no transaction."""
        return False

    async def close(self) -> None:
        """Close connections to external systems; the runner stops."""
        return
