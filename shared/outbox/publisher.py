"""The outbox's publisher: sends rows straight after their commit; its sweeper sends timers and what a crash left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from shared.clock import Clock, system_clock
from shared.database.pool import UNAVAILABLE, Connection, Database
from shared.errors import described
from shared.loops import repeating
from shared.messages import inbox
from shared.messages.message import LINGER_SECONDS
from shared.observability.metrics import OUTBOX_SENT, OUTBOX_SWEPT
from shared.outbox import batches, outbox
from shared.outbox.row import Row

log = structlog.get_logger(__name__)

REMOVE_SECONDS = 0.5
SWEEP_SECONDS = 0.25
SWEEP_ROWS = 500
SEND_SECONDS = 3.0
STUCK_PAUSE = timedelta(hours=1)
UNSENT_PAUSE = timedelta(seconds=5)
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)  # our limit, and the broker's
TIDY_SECONDS = 60.0


class Transport(Protocol):
    """What carries rows to other services: Kafka, or a double of tests."""

    async def send(self, row: Row) -> asyncio.Future[Any]:
        """Take a row; the future is done when it has safely arrived."""
        ...


class KafkaTransport:
    """Carries rows over one idempotent producer; those that are not urgent linger and travel together.

    What follows an outcome would else compete with the next request for the same consumers, message by message.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._lingering: list[tuple[Row, asyncio.Future[Any]]] = []
        self._flushes: set[asyncio.Task[None]] = set()  # the loop itself would not keep them from the collector

    async def send(self, row: Row) -> asyncio.Future[Any]:
        """Buffer a row for its partition; order by key is the order of these calls, for rows of equal urgency."""
        if row.urgent:
            return await self._send(row)
        loop = asyncio.get_running_loop()
        if not self._lingering:
            loop.call_later(LINGER_SECONDS, self._begin_flush)
        arrived: asyncio.Future[Any] = loop.create_future()
        self._lingering.append((row, arrived))
        return arrived

    def _begin_flush(self) -> None:
        task = asyncio.get_running_loop().create_task(self.flush(), name="lingering rows")
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def flush(self) -> None:
        """Send what lingers."""
        lingering, self._lingering = self._lingering, []
        for row, arrived in lingering:
            try:
                (await self._send(row)).add_done_callback(_passing_on(arrived))
            except KafkaError as fault:
                arrived.set_exception(fault)

    async def _send(self, row: Row) -> asyncio.Future[Any]:
        sent: asyncio.Future[Any] = await self._producer.send(
            row.topic, value=row.body, key=row.key.encode(), headers=row.headers
        )
        return sent


def _passing_on(arrived: asyncio.Future[Any]) -> Callable[[asyncio.Future[Any]], None]:
    def pass_on(sent: asyncio.Future[Any]) -> None:
        if arrived.done():
            return
        if sent.cancelled():
            arrived.cancel()
        elif fault := sent.exception():
            arrived.set_exception(fault)
        else:
            arrived.set_result(None)

    return pass_on


def _has_arrived(arrival: asyncio.Future[Any]) -> bool:
    """Its fault is looked at, so that the loop does not complain of it."""
    return not arrival.cancelled() and arrival.exception() is None


def _count_sent(arrival: asyncio.Future[Any]) -> None:
    """A row that is not durable may be lost."""
    if _has_arrived(arrival):
        OUTBOX_SENT.inc()


def _failed(fault: BaseException) -> asyncio.Future[Any]:
    arrival: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    arrival.set_exception(fault)
    return arrival


class OutboxPublisher:
    """Sends outbox rows and remembers which arrived, until they are removed, many at once."""

    def __init__(
        self, transport: Transport, database: Database, *, clock: Clock = system_clock, inbox_days: int = 14
    ) -> None:
        self._transport = transport
        self._database = database
        self._clock = clock
        self._inbox_days = inbox_days
        self._arrived: dict[UUID, None] = {}
        self._arrived_batches: dict[UUID, None] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to sweep, and to remove what arrived."""
        self._tasks = [
            repeating("outbox rows that arrived", self._remove_arrived, seconds=REMOVE_SECONDS),
            repeating("outbox sweep", self.sweep, seconds=SWEEP_SECONDS),
            repeating("old inbox entries", self._tidy, seconds=TIDY_SECONDS),
        ]

    async def stop(self) -> None:
        """Stop, after removing what arrived; what was not sent stays in the outbox for the next sweep."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._remove_arrived()
        except UNAVAILABLE:
            log.warning("outbox.flush_failed", rows=len(self._arrived))

    async def send(self, rows: Sequence[Row]) -> None:
        """Send rows just committed. Never raises: what cannot be sent now the sweeper sends, after its grace."""
        batch = batches.batch_in(rows)
        note_batch = self._noting_batch(batch) if batch else None
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for row in rows:
                    if row.due is None:
                        arrival = await self._hand_over(row)
                        note = note_batch or self._noting(row.id)
                        arrival.add_done_callback(note if row.durable else _count_sent)
        except (KafkaError, TimeoutError) as fault:
            log.warning("outbox.send_failed", fault=described(fault), rows=len(rows))

    def _noting(self, row_id: UUID) -> Callable[[asyncio.Future[Any]], None]:
        def note(arrival: asyncio.Future[Any]) -> None:
            if _has_arrived(arrival):
                self._arrived[row_id] = None
                OUTBOX_SENT.inc()

        return note

    def _noting_batch(self, batch: Sequence[Row]) -> Callable[[asyncio.Future[Any]], None]:
        """A batch has arrived with the last of its rows; one of which a row does not is unpacked after its grace."""
        left = len(batch)

        def note(arrival: asyncio.Future[Any]) -> None:
            nonlocal left
            if _has_arrived(arrival):
                left -= 1
            if not left:
                self._arrived_batches[batches.id_of(batch)] = None
                OUTBOX_SENT.inc(len(batch))

        return note

    async def sweep(self) -> None:
        """Send every row whose time has come, then remove it; several instances share the work."""
        while await self._sweep_once() == SWEEP_ROWS:
            pass

    async def _sweep_once(self) -> int:
        now = self._clock()
        async with self._database.connection() as connection:
            rows_due, batches_due = await outbox.what_is_due(connection, now)
        if batches_due:
            await self._unpack(now)
        elif not rows_due:
            return 0
        async with self._database.transaction() as connection:
            rows = await outbox.take_due(connection, now, SWEEP_ROWS)
            left = [row for row in rows if row.id not in self._arrived]
            faults, untried = await self._send_all(left)
            gone = [row.id for row in rows if row.id not in faults and row.id not in untried]
            if gone:
                await outbox.remove(connection, gone)
            await self._put_off(connection, faults, now)
        OUTBOX_SWEPT.inc(len(left) - len(faults) - len(untried))
        self._forget(gone)
        return 0 if faults else len(rows)  # the broker may be in trouble: what is left waits for the next sweep

    async def _unpack(self, now: datetime) -> None:
        """Unpack every batch that was left behind, some in each transaction: an outage may leave very many."""
        while True:
            async with self._database.transaction() as connection:
                unpacked = await outbox.unpack_due(connection, now, self._arrived_batches)
            if not unpacked:
                return
            for batch_id in unpacked:
                self._arrived_batches.pop(batch_id, None)

    async def _put_off(self, connection: Connection, faults: Mapping[UUID, BaseException], now: datetime) -> None:
        """Postpone rows that could not be sent, so that they keep no others back; one that is too large for long."""
        stuck = [row_id for row_id, fault in faults.items() if isinstance(fault, TOO_LARGE)]
        for row_id in stuck:
            log.error("outbox.too_large", row=str(row_id), fault=described(faults[row_id]))
        if stuck:
            await outbox.put_off(connection, stuck, now + STUCK_PAUSE)
        if unsent := [row_id for row_id in faults if row_id not in stuck]:
            log.warning("outbox.unsent", rows=len(unsent), fault=described(faults[unsent[0]]))
            await outbox.put_off(connection, unsent, now + UNSENT_PAUSE)

    async def _send_all(self, rows: Sequence[Row]) -> tuple[dict[UUID, BaseException], set[UUID]]:
        """Send rows in their order; returns the faults of those that did not arrive, and which were not tried.

        A row that fails does not keep the others back. Only behind one that the client could not even take the rest
        waits for the next sweep: when Kafka is away, each would wait as long.
        """
        arrivals: list[asyncio.Future[Any]] = []
        for row in rows:
            try:
                arrivals.append(await self._hand_over(row))
            except KafkaError as fault:
                arrivals.append(_failed(fault))
                break
        ends = await asyncio.gather(*arrivals, return_exceptions=True)
        faults = {row.id: fault for row, fault in zip(rows, ends, strict=False) if isinstance(fault, BaseException)}
        return faults, {row.id for row in rows[len(arrivals) :]}

    async def _hand_over(self, row: Row) -> asyncio.Future[Any]:
        """The row's arrival; for one that the client refuses an arrival that failed, so that the next is sent."""
        try:
            return await self._transport.send(row)
        except TOO_LARGE as fault:
            return _failed(fault)

    async def _remove_arrived(self) -> None:
        rows, whole = list(self._arrived), list(self._arrived_batches)
        if not rows and not whole:
            return
        async with self._database.connection() as connection:
            await outbox.remove(connection, rows, whole)
        self._forget(rows)
        for batch_id in whole:
            self._arrived_batches.pop(batch_id, None)

    def _forget(self, ids: Sequence[UUID]) -> None:
        for row_id in ids:
            self._arrived.pop(row_id, None)

    async def _tidy(self) -> None:
        async with self._database.connection() as connection:
            while await inbox.forget(connection, self._clock() - timedelta(days=self._inbox_days)):
                pass
