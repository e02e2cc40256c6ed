"""On a real broker: what was not committed never happened, and marks of transactions hold nobody up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import InvalidTransactionTimeout
from prometheus_client import REGISTRY

from posada.cluster.lag import lag
from shared.consumer import subscriber
from shared.consumer.routing import Routes
from shared.contracts.topics import dead
from shared.database.pool import Database
from shared.kafka import fetch_lag
from shared.kafka.consumers import consumer
from shared.outbox.dead_letter_topic import list_dead
from tests.support.cluster.instances import PARTITIONS, Instance, ask, committed, has_noted, until
from tests.support.sagas.sample_service import body, noted

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "LAG_SECONDS", 0.05)
    monkeypatch.setattr(fetch_lag, "CHECK_SECONDS", 0.05)


@asynccontextmanager
async def transactional(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"t-{uuid4().hex}")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(producer: AIOKafkaProducer, topic: str, *names: str) -> None:
    for name in names:
        await producer.send_and_wait(topic, body(name), partition=0, headers=[("ce_id", name.encode())])


def is_(value: Any, find: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return bool(await find() == value)

    return holds


async def test_what_was_taken_back_never_happened_and_what_is_open_waits(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    """`kafka-aborted-transaction` of the cases."""
    topic = routes.topics[0].name
    instance = await Instance(kafka_bootstrap, database, routes, stalled_seconds=0.5).start()
    async with transactional(kafka_bootstrap) as producer:
        await producer.begin_transaction()
        await write(producer, topic, "aborted")
        await producer.abort_transaction()
        await producer.begin_transaction()
        await write(producer, topic, "open")
        await ask(kafka_bootstrap, topic, "behind", "elsewhere")  # the first stands behind the open one
        await until(is_(["elsewhere"], lambda: noted(database)))
        looks = instance.subscriber._lag.answers
        troubles: set[str | None] = set()

        async def looked_on() -> bool:
            troubles.add(instance.subscriber.trouble())
            return instance.subscriber._lag.answers > looks + 25

        await until(looked_on)
        assert (await noted(database), troubles, instance.subscriber.lag()) == (["elsewhere"], {None}, 0)
        await until(is_(2, lambda: _held_back(instance, topic)))  # what lag and readiness do not show
        await producer.commit_transaction()
    await until(lambda: has_noted(database, 3))
    assert sorted(await noted(database)) == ["behind", "elsewhere", "open"]
    await until(is_(0, lambda: _held_back(instance, topic)))
    await until(lambda: _has_lag(kafka_bootstrap, routes, 0))
    await instance.stop()


async def _held_back(instance: Instance, topic: str) -> float | None:
    instance.subscriber._set_gauges()
    return REGISTRY.get_sample_value("posada_consumer_held_back_messages", {"topic": topic})


async def test_a_transaction_may_not_stay_open_for_long(kafka_bootstrap: str) -> None:
    """One that is left open holds back what everybody writes behind it."""
    patient = AIOKafkaProducer(
        bootstrap_servers=kafka_bootstrap, transactional_id=f"t-{uuid4().hex}", transaction_timeout_ms=60_001
    )
    with pytest.raises(InvalidTransactionTimeout):
        await patient.start()
    await patient.stop()


async def _has_lag(bootstrap: str, routes: Routes[Any], wanted: int) -> bool:
    """As `posada up` and the monitor show it: by committed offsets, which pass over marks of transactions too."""
    reader, admin = consumer(bootstrap), AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await reader.start()
    await admin.start()
    try:
        return await lag(admin, reader, f"posada-{routes.service}") == wanted
    finally:
        await reader.stop()
        await admin.close()


async def test_marks_alone_leave_nothing_behind(kafka_bootstrap: str, database: Database, routes: Routes[Any]) -> None:
    instance = await Instance(kafka_bootstrap, database, routes).start()
    async with transactional(kafka_bootstrap) as producer:
        for partition in range(PARTITIONS):
            await producer.begin_transaction()
            await producer.send_and_wait(routes.topics[0].name, body("aborted"), partition=partition)
            await producer.abort_transaction()
    await until(is_(2 * PARTITIONS, lambda: committed(kafka_bootstrap, routes)))  # each record, and its mark
    assert await noted(database) == []
    assert instance.subscriber.lag() == 0
    await instance.stop()


async def test_dead_letters_of_an_aborted_transaction_are_none(kafka_bootstrap: str, routes: Routes[Any]) -> None:
    where = dead(routes.service)
    async with transactional(kafka_bootstrap) as producer:
        for abort in (True, False):
            await producer.begin_transaction()
            await producer.send_and_wait(where.name, b"{}", key=f"aborted {abort}".encode())
            await (producer.abort_transaction() if abort else producer.commit_transaction())
    assert [letter.id for letter in await list_dead(kafka_bootstrap, [where])] == ["aborted False"]
