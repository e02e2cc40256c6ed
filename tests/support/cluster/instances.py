"""A small service of notes that really consumes from Kafka, in this process, and what tests ask Kafka about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream.kafka import KafkaBroker

from shared.consumer.processor import Processor
from shared.consumer.routing import Routes
from shared.consumer.subscriber import Subscriber
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from shared.settings import ServiceSettings
from tests.support.doubles.transport import PostOffice
from tests.support.sagas.sample_service import body, noted

PARTITIONS = 4
PATIENCE = 30.0


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait for a condition, however busy the machine is."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 — a broker has no event to wait for
            await asyncio.sleep(0.05)


@dataclass
class Instance:
    """One process of the service of notes, as far as Kafka can tell."""

    bootstrap: str
    database: Database
    routes: Routes[Any]
    commits: bool = True
    transport: Any = field(default_factory=PostOffice)
    stalled_seconds: float = 60
    metadata_age_ms: int = 10_000

    async def start(self) -> Instance:
        self.relay = OutboxPublisher(self.transport, self.database)
        consumer = Processor(self.routes, self.database, self.relay, retry_pauses=())
        self.broker = KafkaBroker(
            self.bootstrap, metadata_max_age_ms=self.metadata_age_ms, apply_types=False, logger=None
        )
        self.subscriber = Subscriber(
            self.broker,
            consumer,
            batch_messages=50,
            stalled_seconds=self.stalled_seconds,
            session_seconds=ServiceSettings().kafka_session_seconds,
        )
        await self.broker.start()
        self.subscriber.start()
        if not self.commits:
            next(task for task in self.subscriber._tasks if task.get_name() == "offsets").cancel()
        return self

    async def stop(self) -> None:
        await self.subscriber.stop()
        await self.broker.stop()

    @property
    def assigned(self) -> set[TopicPartition]:
        client = self.subscriber._client
        return set(client.assignment()) if client else set()


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def ask(bootstrap: str, topic: str, *request_ids: str) -> None:
    async with producing(bootstrap) as producer:
        for number, request_id in enumerate(request_ids):
            headers = [("ce_id", request_id.encode())]
            await producer.send(topic, body(request_id), headers=headers, partition=number % PARTITIONS)
        await producer.flush()


async def committed(bootstrap: str, routes: Routes[Any]) -> int:
    """How many messages Kafka believes to be handled."""
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"posada-{routes.service}", enable_auto_commit=False
    )
    await client.start()
    try:
        partitions = [TopicPartition(routes.topics[0].name, number) for number in range(PARTITIONS)]
        return sum([await client.committed(partition) or 0 for partition in partitions])
    finally:
        await client.stop()


async def has_noted(database: Database, number: int) -> bool:
    """Whether so many messages were handled."""
    return len(await noted(database)) >= number
