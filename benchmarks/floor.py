"""The floor: an empty message over the hops of a booking's critical path, with one small commit at each stop.

Six topics, three processes and five commits, as on the path of a request: booking, availability, booking, payments,
booking, outcome. Nothing is decided, validated or remembered on the way.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Event

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.topic_admin import create_topics
from shared.topics import Topic

HOPS = tuple(Topic(f"bench.floor.{n}", "A hop of the floor.", partitions=1) for n in range(6))
STOPS: Mapping[str, tuple[int, ...]] = {"booking": (0, 2, 4), "availability": (1,), "payments": (3,)}
ROUNDS = 400
WARM_UP = 100


async def measure(bootstrap: str, urls: Mapping[str, str]) -> float:
    """The median time of a round, in milliseconds; raises TimeoutError when a stop does not start."""
    await create_topics(bootstrap, HOPS)
    context = multiprocessing.get_context("spawn")
    ready = {service: context.Event() for service in STOPS}
    stops = [
        context.Process(target=_serve, args=(bootstrap, urls[service], hops, ready[service]), daemon=True)
        for service, hops in STOPS.items()
    ]
    for stop in stops:
        stop.start()
    try:
        for service, event in ready.items():
            if not await asyncio.to_thread(event.wait, 30):
                raise TimeoutError(f"the floor's {service} did not start")
        return await _rounds(bootstrap)
    finally:
        for stop in stops:
            stop.terminate()
            stop.join()


async def _rounds(bootstrap: str) -> float:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(HOPS[-1].name, bootstrap_servers=bootstrap)
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    times = []
    for _ in range(WARM_UP + ROUNDS):
        began = time.perf_counter()
        await producer.send(HOPS[0].name, b"")
        await consumer.getone()
        times.append(time.perf_counter() - began)
    await consumer.stop()
    await producer.stop()
    return statistics.median(times[WARM_UP:]) * 1000


def _serve(bootstrap: str, url: str, hops: tuple[int, ...], ready: Event) -> None:
    import uvloop  # noqa: PLC0415 — only the stops need it

    uvloop.run(_stop(bootstrap, url, hops, ready))


async def _stop(bootstrap: str, url: str, hops: tuple[int, ...], ready: Event) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigint GENERATED ALWAYS AS IDENTITY)")
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(*[HOPS[hop].name for hop in hops], bootstrap_servers=bootstrap)
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    following = {HOPS[hop].name: HOPS[hop + 1].name for hop in hops}
    ready.set()
    async for record in consumer:
        await connection.execute("INSERT INTO bench_floor DEFAULT VALUES")
        await producer.send(following[record.topic], b"")
