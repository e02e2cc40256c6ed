"""Lets days pass for a running cluster: from one moment at which something is due to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES
from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions

# What a service does by itself, and when: its timers, and messages that wait for their time.
_OUTBOX: Final = "SELECT least((SELECT min(due_at) FROM outbox), (SELECT min(due_at) FROM outbox_batches))"
_DUE: Final[Mapping[str, tuple[str, ...]]] = {
    "booking": (_OUTBOX, "SELECT min(wake_at) FROM sagas"),
    "availability": (_OUTBOX, "SELECT min(wake_at) FROM holds"),
    "payments": (_OUTBOX,),
    "notifications": (_OUTBOX, "SELECT min(due_at) FROM deliveries WHERE status = 'pending'"),
    "conversations": (_OUTBOX,),
}
# A saga that waits for an answer is due within 30 s: it is waited for, and time does not pass meanwhile.
SOON: Final = timedelta(seconds=60)
PAUSE_S: Final = 0.05
QUIET_S: Final = 60.0


class Days:
    """Moves a cluster's clock; inside the block it sees what waits on Kafka."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka_bootstrap)
        self._reader: AIOKafkaConsumer = consumer(cluster.kafka_bootstrap)
        self._read: dict[str, list[TopicPartition]] = {}
        self._databases: dict[str, asyncpg.Connection[Any]] = {}

    async def __aenter__(self) -> Self:
        await self._admin.start()
        await self._reader.start()
        for service in SERVICES:
            routes = import_module(f"services.{service}.app").build().routes
            names = {topic.name for topic in routes.topics}
            self._read[service] = await partitions(self._cluster.kafka_bootstrap, names)
            self._databases[service] = await asyncpg.connect(self._cluster.database_url(service))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for database in self._databases.values():
            await database.close()
        await self._reader.stop()
        await self._admin.close()

    async def pass_until(self, moment: datetime) -> None:
        """Let time pass until a moment, with everything done at its time; what is due at the moment itself too."""
        await self.quiet()
        while (due := await self._next_due()) and due <= moment:
            self._cluster.clock.forward_to(due)
            await self.quiet()
        self._cluster.clock.forward_to(max(moment, self._cluster.clock()))
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is under way and nothing is due soon; fails after a minute with what is."""
        deadline = time.monotonic() + QUIET_S
        while waiting := await self._waiting():
            assert time.monotonic() < deadline, f"not quiet after {QUIET_S:g} s: {waiting}"
            await asyncio.sleep(PAUSE_S)

    async def _waiting(self) -> str:
        """What is under way. Looked at twice: what was on Kafka at the first look may have left something to do."""
        for _ in range(2):
            due = await self._next_due()
            if due and due <= self._cluster.clock() + SOON:
                return f"something is due at {due}, and it is {self._cluster.clock()}"
            for service in SERVICES:
                if unread := await self._unread(service):
                    return f"{service} has {unread} messages to read"
        return ""

    async def _next_due(self) -> datetime | None:
        moments = [
            await self._databases[service].fetchval(query) for service, queries in _DUE.items() for query in queries
        ]
        return min((moment for moment in moments if moment), default=None)

    async def _unread(self, service: str) -> int:
        committed: dict[TopicPartition, Any] = await self._admin.list_consumer_group_offsets(f"posada-{service}")
        ends = await self._reader.end_offsets(self._read[service])
        done = {partition: max(0, place.offset) for partition, place in committed.items()}
        return sum(end - done.get(partition, 0) for partition, end in ends.items())
