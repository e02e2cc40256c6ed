"""Polls Kafka for a service: from the earliest offset, in batches; offsets are committed after the database."""

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
from shared.consumer.processor import Processor
from shared.errors import described
from shared.kafka.consumers import COMMITTED, FETCH_BYTES, PARTITION_BYTES
from shared.kafka.fetch_lag import FetchLagMonitor, positions
from shared.kafka.lenient_records import install_lenient_reader
from shared.loops import repeating
from shared.messages.inbound import InboundMessage
from shared.messages.message import LINGER_SECONDS
from shared.observability import metrics

log = structlog.get_logger(__name__)

COMMIT_SECONDS = 1.0
LAG_SECONDS = 1.0
POLL_MS = 1_000  # a poll that finds nothing ends then, and the next one begins at once
BROKEN_PAUSE_S = 1.0
# aiokafka leaves a partition whose records wait for us out of its next fetch: the wait bounds how long it is missed.
FETCH_WAIT_MS = 100
LINGERING_BYTES = 256 * 1024  # end a fetch that lingers before its time


class Subscriber:
    """Feeds a service's processor from all its topics, as one member of the service's group.

    Urgent messages are processed before the next poll, the rest of a batch in the background queue meanwhile. Offsets
    are committed in the background, always to where the database is: a crash between the two only brings messages back
    that the inbox knows. With `linger` messages wait at the broker for LINGER_SECONDS before they are fetched, so that
    many that come one by one share a transaction.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        processor: Processor,
        *,
        batch_messages: int,
        stalled_seconds: float,
        session_seconds: float = 10,
        linger: bool = False,
    ) -> None:
        self._processor = processor
        self._stalled_seconds = stalled_seconds
        self._poll_records = batch_messages
        self._polled: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._processing = asyncio.Lock()
        self._background = BackgroundQueue(self._process_in_any_case, limit=batch_messages)
        self._lag = FetchLagMonitor()
        self._tasks: list[asyncio.Task[None]] = []
        install_lenient_reader()
        # Without a handler FastStream connects, joins the group and leaves it; the polling is ours. Its own loop for
        # batches sleeps after a poll that found nothing, so that the first message after a quiet time waits.
        self._subscriber = broker.subscriber(
            *[topic.name for topic in processor.routes.topics],
            group_id=f"posada-{processor.routes.service}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=_Listener(self),
            session_timeout_ms=int(session_seconds * 1000),
            heartbeat_interval_ms=int(min(1, session_seconds / 3) * 1000),
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=int(LINGER_SECONDS * 1000) if linger else FETCH_WAIT_MS,
            fetch_min_bytes=LINGERING_BYTES if linger else 1,
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
                await _log_broken(())

    async def _poll(self, client: AIOKafkaConsumer) -> None:
        """Process what the broker has, or wait for it."""
        found = await client.getmany(timeout_ms=POLL_MS, max_records=self._poll_records)
        # Positions pass over what is no record too: marks of transactions, and what was taken back.
        moved = {at: end for at, end in positions(client).items() if end and self._polled.get(at) != end}
        if moved:
            self._polled.update(moved)
            await self._process([record for records in found.values() for record in records], moved)

    async def _process(self, records: Sequence[ConsumerRecord[Any, Any]], ends: Mapping[TopicPartition, int]) -> None:
        """Process records; where they end in their partitions is noted as done behind them."""
        async with self._processing:
            urgent, rest = await self._decode_in_any_case(records)
            await self._process_in_any_case(urgent)
            await self._background.submit(rest, partial(self._note_done, ends))

    async def _decode_in_any_case(
        self, records: Sequence[ConsumerRecord[Any, Any]]
    ) -> tuple[Sequence[InboundMessage], Sequence[InboundMessage]]:
        """Decode until it succeeds: a batch that is dropped would be passed over by the next commit."""
        while True:
            try:
                return self._processor.decode(records)
            except Exception:
                await _log_broken(records)

    async def _process_in_any_case(self, batch: Sequence[InboundMessage]) -> None:
        while True:
            try:
                await self._processor.process_batch(batch)
            except Exception:
                await _log_broken(batch)
            else:
                return

    def _note_done(self, ends: Mapping[TopicPartition, int]) -> None:
        self._done.update(ends)

    def start(self) -> None:
        """Begin to poll, to commit offsets and to watch; the broker has connected and joins the group by itself."""
        self._tasks = [
            asyncio.create_task(self._poll_on(), name="poll"),
            repeating("offsets", self._commit_and_measure, seconds=COMMIT_SECONDS),
            repeating("fetch lag", self._measure_lag, seconds=LAG_SECONDS),
        ]

    async def stop(self) -> None:
        """Let the present batches end, commit their offsets, and poll no more."""
        try:
            await self._processing.acquire()
            await self._background.drain()
        finally:
            self._background.cancel()
            for task in self._tasks:
                task.cancel()
            await self.commit()

    async def commit(self) -> None:
        """Commit offsets to where the database is; those of partitions that moved are left to their new owner."""
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

    async def _commit_and_measure(self) -> None:
        await self.commit()
        if not self._processing.locked() and not self._background.busy_for() and not self.lag():
            self._processor.note_progress()
        self._set_gauges()

    def _set_gauges(self) -> None:
        metrics.ASSIGNED.set(len(self._client.assignment()) if self._client else 0)
        metrics.PROGRESS.set(time.time() - (time.monotonic() - self._processor.last_progress))
        metrics.LAG.clear()
        for topic, waiting in (self._lag.waiting_by_topic(self._client) if self._client else {}).items():
            metrics.LAG.labels(topic).set(waiting)
        metrics.HELD_BACK.clear()
        for topic, behind in (self._lag.held_back_by_topic(self._client) if self._client else {}).items():
            metrics.HELD_BACK.labels(topic).set(behind)

    async def _measure_lag(self) -> None:
        if self._client:
            await self._lag.check(self._client, time.monotonic())

    @property
    def _client(self) -> AIOKafkaConsumer | None:
        return self._subscriber.consumer

    def lag(self) -> int:
        """Messages that the broker has for this instance and that it has not fetched."""
        return self._lag.waiting(self._client) if self._client else 0

    def trouble(self) -> str | None:
        """Why this instance is not ready, or None."""
        if self._client is None or not self._client.assignment():
            return "no partitions are assigned to this instance yet"
        now = time.monotonic()
        idle = now - self._processor.last_progress
        if idle > self._stalled_seconds and (self._processing.locked() or self.lag()):
            return f"messages wait and none was handled for {idle:.0f} s"
        if (behind := self._background.busy_for()) > self._stalled_seconds:
            return f"messages that are not urgent have been processed for {behind:.0f} s"
        return self._lag.trouble(now, self._stalled_seconds)


async def _log_broken(messages: Sequence[Any]) -> None:
    """Log what must never happen, with its traceback, and pause before it is tried again."""
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
