"""How far behind each service is: messages on its topics that its group has not committed, asked of Kafka itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Thread
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.kafka.access import from_environment
from shared.kafka.consumers import consumer

EVERY_S: Final = 2.0


class LagMeter:
    """Measures in a thread of its own; `of` gives the latest figures."""

    def __init__(self, bootstrap: str, services: Sequence[str]) -> None:
        self._bootstrap = bootstrap
        self._services = services
        self._lags: dict[str, int] = {}
        Thread(target=lambda: asyncio.run(self._measure_for_ever()), name="lag", daemon=True).start()

    def of(self, service: str) -> int | None:
        """Messages that wait for the service; None while that is not known."""
        return self._lags.get(service)

    async def _measure_for_ever(self) -> None:
        while True:
            try:
                await self._measure_while_connected()
            except (KafkaError, OSError, TimeoutError):
                self._lags.clear()
            await asyncio.sleep(EVERY_S)

    async def _measure_while_connected(self) -> None:
        reader = consumer(self._bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, **from_environment())
        try:
            await reader.start()
            await admin.start()
            while True:
                for service in self._services:
                    self._lags[service] = await lag(admin, reader, f"posada-{service}")
                await asyncio.sleep(EVERY_S)
        finally:
            await reader.stop()
            await admin.close()


async def members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many copies of a service read under its group."""
    (answer,) = await admin.describe_consumer_groups([group])
    return len(answer.groups[0][5])


async def lag(admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, group: str) -> int:
    """Messages between a group's committed offsets and the ends of its partitions."""
    committed = await admin.list_consumer_group_offsets(group)
    if not committed:
        return 0
    ends = await reader.end_offsets(list(committed))
    return sum(max(0, ends[partition] - max(0, place.offset)) for partition, place in committed.items())
