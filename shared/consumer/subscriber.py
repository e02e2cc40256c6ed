"""The one way that a service listens to Kafka: earliest, batches of bytes, offsets committed after the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.consumer.background_queue import BackgroundQueue
from shared.consumer.decoding import InboundMessage
from shared.consumer.processor import Processor
from shared.errors import described
from shared.kafka.consumers import COMMITTED, FETCH_BYTES, PARTITION_BYTES
from shared.kafka.fetch_lag import FetchLagMonitor, positions
from shared.kafka.lenient_records import install_lenient_reader
from shared.observability import metrics

log = structlog.get_logger(__name__)

COMMIT_SECONDS = 1.0
WATCH_SECONDS = 1.0
POLL_MS = 1_000  # a poll that finds nothing ends then, and the next one begins at once
BROKEN_PAUSE_S = 1.0
# aiokafka leaves a partition whose records wait for us out of its next fetch: the wait bounds how long it is missed.
FETCH_WAIT_MS = 100
GATHERED_BYTES = 256 * 1024  # end a fetch that gathers before its time


class Subscriber:
    """Feeds a service's consumer from all its topics, as one member of the service's group.

    What somebody waits for is handled before the next batch is taken, the rest of a batch in the back lane meanwhile.
    Offsets are committed in the background, always to where the database is: a crash between the two only brings
    messages back that the inbox knows. With `linger_ms` messages gather at the broker for so long before they are
    fetched, for a service that nobody waits for: many that come one by one then share a transaction.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        consumer: Processor,
        *,
        batch_messages: int,
        stalled_seconds: float,
        session_seconds: float = 10,
        linger_ms: int = 0,
    ) -> None:
        self._consumer = consumer
        self._stalled_seconds = stalled_seconds
        self._most = batch_messages
        self._taken: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._in_hand = asyncio.Lock()
        self._lane = BackgroundQueue(self._in_any_case, most=batch_messages)
        self._watch = FetchLagMonitor()
        self._tasks: list[asyncio.Task[None]] = []
        install_lenient_reader()
        # Without a handler FastStream connects, joins the group and leaves it; the polling is ours. Its own loop for
        # batches sleeps after a poll that found nothing, so that whoever comes first after a quiet time waits.
        self._subscriber = broker.subscriber(
            *[topic.name for topic in consumer.routes.topics],
            group_id=f"posada-{consumer.routes.service}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=_Listener(self),
            session_timeout_ms=int(session_seconds * 1000),
            heartbeat_interval_ms=int(min(1, session_seconds / 3) * 1000),
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=linger_ms or FETCH_WAIT_MS,
            fetch_min_bytes=GATHERED_BYTES if linger_ms else 1,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
            isolation_level=COMMITTED,
        )

    async def _poll_on(self) -> None:
        """Poll until the client is stopped, whatever fails on the way."""
        while client := self._client:
            try:
                await self._poll(client)
            except ConsumerStoppedError:
                return
            except KafkaError as fault:
                log.warning("consumer.poll_failed", fault=described(fault))
                await asyncio.sleep(BROKEN_PAUSE_S)
            except Exception:
                await _broken(())

    async def _poll(self, client: AIOKafkaConsumer) -> None:
        """Take what the broker has, or wait for it."""
        found = await client.getmany(timeout_ms=POLL_MS, max_records=self._most)
        # Positions pass over what is no record too: marks of transactions, and what was taken back.
        moved = {at: end for at, end in positions(client).items() if end and self._taken.get(at) != end}
        if moved:
            self._taken.update(moved)
            await self._take([record for records in found.values() for record in records], moved)

    async def _take(self, records: Sequence[ConsumerRecord[Any, Any]], ends: Mapping[TopicPartition, int]) -> None:
        """Handle records; where they end in their partitions is noted as done behind them."""
        async with self._in_hand:
            waited_for, rest = await self._read_in_any_case(records)
            await self._in_any_case(waited_for)
            await self._lane.submit(rest, partial(self._note_done, ends))

    async def _read_in_any_case(
        self, records: Sequence[ConsumerRecord[Any, Any]]
    ) -> tuple[Sequence[InboundMessage], Sequence[InboundMessage]]:
        """A batch that is dropped would be passed over by the next commit: we stay at it, and say so."""
        while True:
            try:
                return self._consumer.read(records)
            except Exception:
                await _broken(records)

    async def _in_any_case(self, deliveries: Sequence[InboundMessage]) -> None:
        while True:
            try:
                await self._consumer.handle(deliveries)
            except Exception:
                await _broken(deliveries)
            else:
                return

    def _note_done(self, ends: Mapping[TopicPartition, int]) -> None:
        self._done.update(ends)

    def start(self) -> None:
        """Begin to poll, to commit offsets and to watch; the broker has connected and joins the group by itself."""
        self._tasks = [
            asyncio.create_task(self._poll_on(), name="poll"),
            asyncio.create_task(self._commit_often(), name="offsets"),
            asyncio.create_task(self._watch_often(), name="fetch watch"),
        ]

    async def stop(self) -> None:
        """Let the batches in hand end, commit their offsets, and take no other."""
        try:
            await self._in_hand.acquire()
            await self._lane.drain()
        finally:
            self._lane.cancel()
            for task in self._tasks:
                task.cancel()
            await self.commit()

    async def commit(self) -> None:
        """Tell Kafka how far the database is; what is no longer ours is left to its new owner."""
        client = self._client
        if client is None or not self._done:
            return
        ours = client.assignment()
        offsets = {partition: offset for partition, offset in self._done.items() if partition in ours}
        self._done.clear()
        if offsets:
            try:
                await client.commit(offsets)
            except (CommitFailedError, IllegalStateError) as moved:
                log.info("offsets.moved", fault=described(moved))
            except KafkaError as fault:
                self._done = offsets | self._done
                log.warning("offsets.not_committed", fault=described(fault))

    async def _commit_often(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self.commit()
            if not self._in_hand.locked() and not self._lane.busy_for() and not self.lag():
                self._consumer.alive()
            self._tell()

    def _tell(self) -> None:
        metrics.ASSIGNED.set(len(self._client.assignment()) if self._client else 0)
        metrics.PROGRESS.set(time.time() - (time.monotonic() - self._consumer.last_progress))
        metrics.LAG.clear()
        for topic, waiting in (self._watch.waiting_by_topic(self._client) if self._client else {}).items():
            metrics.LAG.labels(topic).set(waiting)
        metrics.HELD_BACK.clear()
        for topic, behind in (self._watch.held_back_by_topic(self._client) if self._client else {}).items():
            metrics.HELD_BACK.labels(topic).set(behind)

    async def _watch_often(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._client:
                await self._watch.check(self._client, time.monotonic())

    @property
    def _client(self) -> AIOKafkaConsumer | None:
        return self._subscriber.consumer

    def lag(self) -> int:
        """Messages that the broker has for this instance and that it has not fetched."""
        return self._watch.waiting(self._client) if self._client else 0

    def trouble(self) -> str | None:
        """Why this instance is not ready, or None."""
        if self._client is None or not self._client.assignment():
            return "no partitions are assigned to this instance yet"
        now = time.monotonic()
        idle = now - self._consumer.last_progress
        if idle > self._stalled_seconds and (self._in_hand.locked() or self.lag()):
            return f"messages wait and none was handled for {idle:.0f} s"
        if (behind := self._lane.busy_for()) > self._stalled_seconds:
            return f"messages that nobody waits for have been in hand for {behind:.0f} s"
        return self._watch.trouble(now, self._stalled_seconds)


async def _broken(messages: Sequence[Any]) -> None:
    """Tell of what must never happen, with its traceback, and pause before it is tried again."""
    log.exception("consumer.broken", messages=len(messages))
    await asyncio.sleep(BROKEN_PAUSE_S)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        del revoked
        await self._subscriber.commit()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        log.info("partitions.assigned", partitions=len(assigned))
