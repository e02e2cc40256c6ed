"""The floor: an empty message over the hops of a booking's critical path, with one small commit at each stop.

Six topics, three processes and five commits, as on the path of a request: booking, availability, booking, payments,
booking, outcome. Nothing is decided, validated or remembered on the way. Each record is signed and checked as ours are.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.synchronize import Event

import asyncpg
from aiokafka import AIOKafkaConsumer

from posada.cluster.cluster import LocalCluster
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from shared.messages.record_auth import Seal, SealingProducer

HOPS = tuple(Topic(f"bench.floor.{n}", "A hop of the floor.", partitions=1) for n in range(6))
STOPS: Mapping[str, tuple[int, ...]] = {"booking": (0, 2, 4), "availability": (1,), "payments": (3,)}
WARM_UP = 0.25  # as many more rounds beforehand, as a part of those that are measured
START_SECONDS = 30.0
SEAL = Seal({"1": "of no installation, for measuring alone"})


class Floor:
    """The hops, with somebody at each stop."""

    def __init__(self, producer: SealingProducer, consumer: AIOKafkaConsumer) -> None:
        self._producer = producer
        self._consumer = consumer

    async def once(self) -> float:
        """Send a message over all hops; returns the seconds until it is back."""
        began = time.perf_counter()
        await self._producer.send(HOPS[0].name, b"")
        await self._consumer.getone()
        return time.perf_counter() - began


async def measure(cluster: LocalCluster, rounds: int) -> float:
    """The median time of a round of `rounds`, one after the other, in milliseconds.

    Raises:
        TimeoutError: when a stop does not start.
    """
    async with running(cluster) as floor:
        for _ in range(round(rounds * WARM_UP)):
            await floor.once()
        return statistics.median([await floor.once() for _ in range(rounds)]) * 1000


@asynccontextmanager
async def running(cluster: LocalCluster) -> AsyncIterator[Floor]:
    """Inside the block every stop is served, by a process each; raises TimeoutError when one does not start."""
    bootstrap = cluster.kafka_bootstrap
    await create_topics(bootstrap, HOPS)
    context = multiprocessing.get_context("spawn")
    ready = {service: context.Event() for service in STOPS}
    # A table of its own is made by the role that owns the database: a service may not.
    stops = [
        context.Process(
            target=_serve, args=(bootstrap, cluster.backends.owner_url(service), hops, ready[service]), daemon=True
        )
        for service, hops in STOPS.items()
    ]
    for stop in stops:
        stop.start()
    try:
        for service, event in ready.items():
            if not await asyncio.to_thread(event.wait, START_SECONDS):
                raise TimeoutError(f"the floor's {service} did not start within {START_SECONDS:g} s")
        async with _ends(bootstrap) as floor:
            yield floor
    finally:
        for stop in stops:
            stop.terminate()
            stop.join()


@asynccontextmanager
async def _ends(bootstrap: str) -> AsyncIterator[Floor]:
    producer = SealingProducer(SEAL, bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(HOPS[-1].name, bootstrap_servers=bootstrap)
    await producer.start()
    await consumer.start()
    try:
        await consumer.seek_to_end()
        yield Floor(producer, consumer)
    finally:
        await consumer.stop()
        await producer.stop()


def _serve(bootstrap: str, url: str, hops: tuple[int, ...], ready: Event) -> None:
    import uvloop  # noqa: PLC0415 — only the stops need it

    uvloop.run(_stop(bootstrap, url, hops, ready))


async def _stop(bootstrap: str, url: str, hops: tuple[int, ...], ready: Event) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigint GENERATED ALWAYS AS IDENTITY)")
    producer = SealingProducer(SEAL, bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(*[HOPS[hop].name for hop in hops], bootstrap_servers=bootstrap)
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    following = {HOPS[hop].name: HOPS[hop + 1].name for hop in hops}
    ready.set()
    async for record in consumer:
        if not SEAL.fits(record):
            raise ValueError(f"{record.topic}: a record that is not the floor's own")
        await connection.execute("INSERT INTO bench_floor DEFAULT VALUES")
        await producer.send(following[record.topic], b"")
