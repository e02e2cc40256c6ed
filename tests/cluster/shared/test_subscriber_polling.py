"""On a real broker: a service always has a poll under way, sees new partitions, and takes no batch too large for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from shared.consumer import subscriber
from shared.consumer.routing import Routes
from shared.contracts.topics import AVAILABILITY_ANSWERS, dead
from shared.database.pool import Database
from shared.kafka.topic_admin import create_topics
from shared.outbox.dead_letter_topic import list_dead
from shared.outbox.publisher import KafkaTransport
from tests.support.cluster.instances import PARTITIONS, Instance, ask, committed, has_noted, producing, until
from tests.support.cluster.odd_records import CODECS, publish_batch
from tests.support.paths import ROOT
from tests.support.sagas.sample_service import body, noted

pytestmark = pytest.mark.real


async def test_after_quiet_a_poll_is_already_waiting(
    kafka_bootstrap: str, database: Database, routes: Routes[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sleeps after an empty poll is deaf meanwhile: here nothing comes, and no moment is without a poll."""
    monkeypatch.setattr(subscriber, "POLL_MS", 20)
    under_way, ended = 0, 0
    getmany = AIOKafkaConsumer.getmany

    async def counted(*given: Any, **options: Any) -> Any:
        nonlocal under_way, ended
        under_way += 1
        try:
            return await getmany(*given, **options)
        finally:
            under_way -= 1
            ended += 1

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", counted)
    instance = await Instance(kafka_bootstrap, database, routes).start()
    await until(lambda: _is_assigned(instance, PARTITIONS))
    first, seen = ended, []
    while ended < first + 30:
        await asyncio.sleep(0.001)
        seen.append(under_way)
    assert set(seen) == {1}
    await instance.stop()


async def _is_assigned(instance: Instance, number: int) -> bool:
    return len(instance.assigned) == number


async def test_partitions_that_are_added_are_read_without_a_restart(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    """`kafka-partitions-added` of the cases."""
    topic = routes.topics[0].name
    instance = await Instance(kafka_bootstrap, database, routes, metadata_age_ms=200).start()
    await until(lambda: _is_assigned(instance, PARTITIONS))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(PARTITIONS + 2)})
    await admin.close()
    await until(lambda: _is_assigned(instance, PARTITIONS + 2))
    async with producing(kafka_bootstrap) as producer:
        await producer.send_and_wait(topic, body("new"), partition=PARTITIONS + 1)
    await until(lambda: has_noted(database, 1))
    await instance.stop()


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"none"}))
async def test_a_batch_that_unpacks_to_too_much_is_set_aside_with_its_place(
    kafka_bootstrap: str, database: Database, routes: Routes[Any], codec: str
) -> None:
    topic = routes.topics[0].name
    zeros = b"0" * (12_000_000 if codec == "snappy" else 120_000_000)  # a broker takes a megabyte, packed
    async with producing(kafka_bootstrap) as producer:
        await ask(kafka_bootstrap, topic, "before")
        await publish_batch(producer, topic, [(zeros, [])], codec=codec)
        await ask(kafka_bootstrap, topic, "after")
        instance = await Instance(kafka_bootstrap, database, routes, transport=KafkaTransport(producer)).start()
        await create_topics(kafka_bootstrap, [AVAILABILITY_ANSWERS])
        await until(lambda: has_noted(database, 2))
        await until(lambda: list_dead(kafka_bootstrap, [dead(routes.service)]))
        (letter,) = await list_dead(kafka_bootstrap, [dead(routes.service)])
        await until(lambda: _all_are_committed(kafka_bootstrap, routes, 3))
        await instance.stop()
    assert await noted(database) == ["before", "after"]
    assert letter.place == f"{topic}/0/1"
    assert "offsets 1 to 1 cannot be read" in letter.reason
    assert letter.cut_from


async def _all_are_committed(bootstrap: str, routes: Routes[Any], number: int) -> bool:
    return await committed(bootstrap, routes) == number


def test_no_other_place_makes_a_consumer() -> None:
    """One that is made elsewhere would read what was not committed, and unpack without a bound."""
    folders = ("benchmarks", "chaos", "deploy", "posada", "services", "shared")
    code = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    made = [str(path.relative_to(ROOT)) for path in code if "AIOKafkaConsumer(" in path.read_text()]
    assert sorted(made) == ["benchmarks/bookings/floor.py", "shared/kafka/consumers.py"]
