"""The five services over their own databases, with a transport in memory that a test can see, delay and break.

Deterministic: one message at a time in the order of sending, and a clock that only the test moves. Everything else is
the real thing: routes, handlers, consumers, repositories, outboxes, relays, alarms, PostgreSQL.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from services.availability.app import build as build_availability
from services.availability.settings import Settings as AvailabilitySettings
from services.booking.app import build as build_booking
from services.booking.settings import Settings as BookingSettings
from services.conversations.app import build as build_conversations
from services.conversations.settings import Settings as ConversationsSettings
from services.notifications.app import build as build_notifications
from services.notifications.settings import Settings as NotificationsSettings
from services.payments.app import build as build_payments
from services.payments.settings import Settings as PaymentsSettings
from shared.consumer.odd_records import Record
from shared.consumer.processor import Processor
from shared.consumer.routing import OptimisticRepository, Routes
from shared.contracts.topics import SERVICES
from shared.database.pool import Connection, Database
from shared.messages.message import Envelope, Message
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row
from shared.outbox.timers import fire_due
from shared.service import Service
from tests.support.doubles.transport import (
    Crash,
    MovedClock,
    PostOffice,
    message_of,
    process_records,
    record_of_row,
    type_of,
)
from tests.support.sagas.storm import How

MOST_MOMENTS = 400
WAKES = {"booking": "SELECT min(wake_at) FROM sagas", "availability": "SELECT min(wake_at) FROM holds"}
_DUE = "SELECT least((SELECT min(due_at) FROM outbox), (SELECT min(due_at) FROM outbox_batches))"


@dataclass(frozen=True, slots=True)
class Hop:
    """One delivery: a message of this type to this service."""

    service: str
    type: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A delivery that took place, and the types of what was sent because of it."""

    hop: Hop
    sent: tuple[str, ...]


@dataclass
class Fault:
    """What goes wrong at a hop, the first time that a message takes it. `delay` is how late a late one comes."""

    hop: Hop
    how: How
    delay: timedelta = timedelta(seconds=45)
    struck: bool = False


class Breakable:
    """A repository that can die, or fail, just before its transaction commits."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self.breaks: BaseException | None = None

    async def load(self, connection: Connection, messages: Any, now: datetime) -> Any:
        return await self._repository.load(connection, messages, now)

    async def save(self, connection: Connection, uow: Any, now: datetime) -> Any:
        """Write, or break."""
        changes = await self._repository.save(connection, uow, now)
        if self.breaks:
            breaks, self.breaks = self.breaks, None
            raise breaks
        return changes

    @property
    def due(self) -> Any:
        """What finds the overdue, where the service has that."""
        return getattr(self._repository, "due", None)


class OptimisticBreakable(Breakable):
    """The same for a repository that can go without locks."""

    async def load_optimistic(self, connection: Connection, messages: Any, now: datetime) -> Any:
        """See without locks."""
        return await self._repository.load_optimistic(connection, messages, now)


class RunningService:
    """One service of the cluster: the process that runs now. A crash takes its memory, never its database."""

    def __init__(self, service: Service, clock: MovedClock) -> None:
        self.name = service.name
        self.database: Database = service.database
        self.routes: Routes[Any] = service.routes
        repository = service.routes.repository
        optimistic = isinstance(repository, OptimisticRepository)
        self.repository = OptimisticBreakable(repository) if optimistic else Breakable(repository)
        self.routes.repository = self.repository
        self._clock = clock
        self.dies_sending = False
        self.start()

    def start(self) -> None:
        """Begin anew with nothing in memory."""
        self.office = PostOffice(self._before_post)
        self.relay = OutboxPublisher(self.office, self.database, clock=self._clock)
        self.consumer = Processor(self.routes, self.database, self.relay, clock=self._clock)
        self.dies_sending = False

    async def process(self, records: Sequence[Record]) -> None:
        """Process records to the end of each."""
        await process_records(self.consumer, records)

    def _before_post(self, _: Row) -> None:
        if self.dies_sending:
            raise Crash

    async def ring(self, now: datetime) -> None:
        """Wake what is overdue."""
        if self.repository.due:
            await fire_due(self.database, self.relay, f"posada/{self.name}", self.repository.due, now)

    async def next_moment(self) -> datetime | None:
        """When something becomes due here."""
        await self.relay.stop()  # rows that arrived leave the outbox
        async with self.database.connection() as connection:
            moments = [await connection.fetchval(_DUE)]
            if self.name in WAKES:
                moments.append(await connection.fetchval(WAKES[self.name]))
        return min((moment for moment in moments if moment), default=None)


@dataclass
class InMemoryCluster:
    """All services and what is on its way between them."""

    services: Mapping[str, RunningService]
    clock: MovedClock
    faults: list[Fault] = field(default_factory=list)
    on_its_way: deque[tuple[str, Row]] = field(default_factory=deque)
    late: list[tuple[datetime, str, Row]] = field(default_factory=list)
    log: list[Row] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    async def publish(self, *messages: Message) -> None:
        """What comes from outside."""
        for message in messages:
            name = getattr(message, "command_id", message.key)
            envelope = Envelope(id=f"{message.type_name}/{name}", type=message.type_name, source="gateway")
            body = message.model_dump_json(exclude_none=True).encode()
            row = Row(uuid4(), message.topic.name, message.key, envelope.headers(), body)
            self._send(row)

    async def run(self, until: datetime | None = None) -> None:
        """Carry everything and let time pass, until nothing is left to happen, or nothing before `until`.

        Raises:
            AssertionError: when it never comes to rest.
        """
        for _ in range(MOST_MOMENTS):
            await self._settle()
            moment = await self._next_moment()
            if moment is None or (until and moment > until):
                self.clock.now = until or self.clock.now
                return
            self.clock.now = max(self.clock.now, moment)
            await self._pass_time()
        raise AssertionError(f"the cluster never comes to rest; the last hops: {self.seen[-6:]}")

    def outcomes(self, booking_id: Any) -> list[Row]:
        """The different outcome events of a booking, by their event ids."""
        wanted = {"posada.booking.confirmed.v1", "posada.booking.refused.v1", "posada.booking.failed.v1"}
        rows = [row for row in self.log if row.key == str(booking_id) and type_of(row) in wanted]
        return list({dict(row.headers)["ce_id"]: row for row in rows}.values())

    def messages(self, kind: type[Message]) -> list[Any]:
        """Everything of a type that was ever sent."""
        return [message_of(row) for row in self.log if type_of(row) == kind.type_name]

    async def ask(self, service: str, sql: str, *values: Any) -> list[Any]:
        """Read a service's database."""
        async with self.services[service].database.connection() as connection:
            return list(await connection.fetch(sql, *values))

    def _send(self, row: Row) -> None:
        self.log.append(row)
        for name, running in self.services.items():
            if row.topic in {topic.name for topic in running.routes.topics}:
                self.on_its_way.append((name, row))

    async def _settle(self) -> None:
        while self.on_its_way:
            await self._deliver(*self.on_its_way.popleft())

    async def _deliver(self, name: str, row: Row) -> None:
        fault = self._fault_at(Hop(name, type_of(row)))
        if fault is None:
            await self._hand_over(name, row)
            return
        fault.struck = True
        running = self.services[name]
        match fault.how:
            case How.COMMAND_LOST | How.REPLY_LOST:
                return
            case How.LATE:
                self.late.append((self.clock() + fault.delay, name, row))
                return
            case How.CRASHED_BEFORE:
                running.repository.breaks = Crash()
            case How.CRASHED_AFTER:
                running.dies_sending = True
            case How.TWICE:
                await self._hand_over(name, row)
        await self._hand_over(name, row)

    def _fault_at(self, hop: Hop) -> Fault | None:
        return next((fault for fault in self.faults if fault.hop == hop and not fault.struck), None)

    async def _hand_over(self, name: str, row: Row) -> None:
        """Deliver a record; whoever dies of it is started again and gets it again, for its offset was not committed."""
        running = self.services[name]
        try:
            await running.process([record_of_row(row)])
        except Crash:
            self._collect(running, row)
            running.start()
            await running.process([record_of_row(row)])
        running.dies_sending = False
        self._collect(running, row)

    def _collect(self, running: RunningService, cause: Row) -> None:
        sent = running.office.taken()
        self.seen.append(Seen(Hop(running.name, type_of(cause)), tuple(map(type_of, sent))))
        for row in sent:
            self._send(row)

    async def _next_moment(self) -> datetime | None:
        moments = [at for at, *_ in self.late]
        moments += [moment for one in self.services.values() if (moment := await one.next_moment())]
        return min(moments, default=None)

    async def _pass_time(self) -> None:
        now = self.clock()
        due = [(name, row) for at, name, row in self.late if at <= now]
        self.late = [entry for entry in self.late if entry[0] > now]
        for running in self.services.values():
            await running.relay.sweep()
            await running.ring(now)
            for row in running.office.taken():
                self._send(row)
        for name, row in due:
            await self._hand_over(name, row)


def _built(service: str, url: str, clock: MovedClock, payments: Mapping[str, Any]) -> Service:
    builders: dict[str, Callable[[], Service]] = {
        "availability": lambda: build_availability(AvailabilitySettings(database_url=url), clock),
        "booking": lambda: build_booking(BookingSettings(database_url=url), clock),
        "payments": lambda: build_payments(PaymentsSettings(database_url=url, **payments), clock),
        "notifications": lambda: build_notifications(NotificationsSettings(database_url=url)),
        "conversations": lambda: build_conversations(ConversationsSettings(database_url=url)),
    }
    return builders[service]()


@asynccontextmanager
async def cluster_of(
    urls: Mapping[str, str], clock: MovedClock | None = None, payments: Mapping[str, Any] | None = None
) -> AsyncIterator[InMemoryCluster]:
    """A cluster over these databases, open for as long as the block lasts; `payments` are settings of that service."""
    clock = clock or MovedClock()
    services = [_built(name, urls[name], clock, payments or {}) for name in SERVICES]
    for service in services:
        await service.database.open()
    try:
        yield InMemoryCluster({service.name: RunningService(service, clock) for service in services}, clock)
    finally:
        for service in services:
            await service.database.close()
