"""On a real broker: offsets never ahead of the database, two instances share the work, dead letters come back."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.consumer import subscriber
from shared.consumer.routing import Routes
from shared.contracts.availability import CountRequested
from shared.contracts.topics import AVAILABILITY_ANSWERS, dead, internal
from shared.database.pool import Database
from shared.kafka import fetch_lag
from shared.kafka.topic_admin import create_topics
from shared.kafka.topics import Topic
from shared.outbox.dead_letter_topic import list_dead, replay
from shared.outbox.publisher import KafkaTransport
from tests.support.cluster.instances import PARTITIONS, Instance, ask, committed, has_noted, producing, until
from tests.support.cluster.odd_records import CODECS, ODD, SHOWN, publish_batch
from tests.support.sagas.sample_service import Notes, body, noted

pytestmark = pytest.mark.real


async def test_topics_are_made_once_with_their_partitions(kafka_bootstrap: str) -> None:
    topic = Topic(f"t.{uuid4().hex}", "", partitions=5)
    assert await create_topics(kafka_bootstrap, [topic]) == [topic.name]
    assert await create_topics(kafka_bootstrap, [topic]) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    async with asyncio.timeout(20):  # a broker knows of a topic before it has its partitions
        while not (described := (await admin.describe_topics([topic.name]))[0])["partitions"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await admin.close()
    assert len(described["partitions"]) == 5


async def test_what_came_before_is_read_and_offsets_follow_the_database(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    wanted = [f"m{number}" for number in range(20)]
    await ask(kafka_bootstrap, routes.topics[0].name, *wanted)
    instance = await Instance(kafka_bootstrap, database, routes).start()
    await until(lambda: has_noted(database, 20))
    await instance.stop()
    assert await committed(kafka_bootstrap, routes) == 20


async def test_a_death_between_database_and_offsets_brings_messages_back_that_are_known(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    wanted = [f"m{number}" for number in range(20)]
    await ask(kafka_bootstrap, routes.topics[0].name, *wanted)
    dying = await Instance(kafka_bootstrap, database, routes, commits=False).start()
    await until(lambda: has_noted(database, 20))
    await dying.broker.stop()  # its offsets die with it
    assert await committed(kafka_bootstrap, routes) == 0
    heir = await Instance(kafka_bootstrap, database, routes).start()
    await ask(kafka_bootstrap, routes.topics[0].name, *[f"n{number}" for number in range(8)])
    await until(lambda: has_noted(database, 28))
    await heir.stop()
    found = await noted(database)
    assert sorted(found) == sorted(wanted + [f"n{number}" for number in range(8)])
    assert await committed(kafka_bootstrap, routes) == 28


async def test_two_instances_share_the_partitions_and_each_message_is_handled_once(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    first = await Instance(kafka_bootstrap, database, routes).start()
    second = await Instance(kafka_bootstrap, database, routes).start()

    async def shared() -> bool:
        sizes = len(first.assigned), len(second.assigned)
        return all(sizes) and sum(sizes) == PARTITIONS and not first.assigned & second.assigned

    await until(shared)
    await ask(kafka_bootstrap, routes.topics[0].name, *[f"m{number}" for number in range(40)])
    await until(lambda: has_noted(database, 40))
    assert len(await noted(database)) == 40
    assert first.transport.rows
    assert second.transport.rows
    assert len(first.transport.rows) + len(second.transport.rows) == 40
    await first.stop()
    await second.stop()


async def test_a_dead_letter_is_listed_replayed_and_then_gone(
    kafka_bootstrap: str, database: Database, routes: Routes[Any]
) -> None:
    healed = asyncio.Event()

    def breaks(request_id: str) -> None:
        if request_id == "poison" and not healed.is_set():
            raise RuntimeError("not yet")

    service = routes.service
    table = Notes(breaks).routes(service, routes.topics[0])
    table.topics = (*table.topics, internal(service))
    async with producing(kafka_bootstrap) as producer:
        instance = await Instance(kafka_bootstrap, database, table, transport=KafkaTransport(producer)).start()
        await create_topics(kafka_bootstrap, [AVAILABILITY_ANSWERS])
        await ask(kafka_bootstrap, table.topics[0].name, "good", "poison")
        await until(lambda: list_dead(kafka_bootstrap, [dead(service)]))
        (letter,) = await list_dead(kafka_bootstrap, [dead(service)])
        assert (letter.topic, letter.body, letter.reason) == (
            table.topics[0].name,
            body("poison"),
            "RuntimeError: not yet",
        )
        assert letter.type == CountRequested.type_name
        healed.set()
        await replay(producer, letter, dead(service), internal(service))
        await until(lambda: has_noted(database, 2))
        assert await noted(database) == ["good", "poison"]
        assert await list_dead(kafka_bootstrap, [dead(service)]) == []
        await instance.stop()


@pytest.mark.parametrize("codec", CODECS)
async def test_a_header_name_that_is_no_text_is_set_aside_and_all_around_it_is_handled(
    kafka_bootstrap: str, database: Database, routes: Routes[Any], codec: str
) -> None:
    topic = routes.topics[0].name

    def batch(*names: str) -> list[Any]:
        return [(body(name), [(ODD if "odd" in name else "note", b"x"), ("ce_id", name.encode())]) for name in names]

    async with producing(kafka_bootstrap) as producer:
        await publish_batch(producer, topic, batch("a1", "a2"), codec=codec)
        await publish_batch(producer, topic, batch("b1", "b2", "odd1", "b3", "odd2", "b4"), codec=codec)
        await publish_batch(producer, topic, batch("c1"), codec=codec)
        await publish_batch(producer, topic, batch("d1", "odd3"), codec=codec, partition=1)
        transport = KafkaTransport(producer)
        instance = await Instance(kafka_bootstrap, database, routes, transport=transport).start()
        await create_topics(kafka_bootstrap, [AVAILABILITY_ANSWERS])
        await until(lambda: has_noted(database, 8))
        await publish_batch(producer, topic, batch("e1"), codec=codec)
        await until(lambda: has_noted(database, 9))
        await until(lambda: _all_are_committed(kafka_bootstrap, routes, 12))
        letters = await list_dead(kafka_bootstrap, [dead(routes.service)])
        await instance.stop()
    assert sorted(await noted(database)) == ["a1", "a2", "b1", "b2", "b3", "b4", "c1", "d1", "e1"]
    assert sorted(letter.body for letter in letters) == [body("odd1"), body("odd2"), body("odd3")]
    assert {letter.topic for letter in letters} == {topic}
    assert all(SHOWN in letter.reason and "UTF-8" in letter.reason for letter in letters)
    assert sorted(letter.place for letter in letters) == [f"{topic}/0/4", f"{topic}/0/6", f"{topic}/1/1"]
    assert all(dict(letter.headers)[SHOWN] == b"x" for letter in letters)


async def _all_are_committed(bootstrap: str, routes: Routes[Any], number: int) -> bool:
    return await committed(bootstrap, routes) == number


async def test_readiness_sees_that_nothing_is_fetched_and_raises_no_false_alarm(
    kafka_bootstrap: str, database: Database, routes: Routes[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "LAG_SECONDS", 0.02)
    monkeypatch.setattr(fetch_lag, "CHECK_SECONDS", 0.02)
    instance = await Instance(kafka_bootstrap, database, routes, stalled_seconds=0.5).start()
    await until(lambda: _is_assigned(instance))
    looked = instance.subscriber._lag
    troubles: set[str | None] = set()

    async def idle_for_a_while() -> bool:
        troubles.add(instance.subscriber.trouble())
        return looked.answers > 50  # twice as long as it takes to be called stalled

    await until(idle_for_a_while)
    assert troubles == {None}
    client = instance.subscriber._client
    assert client
    client.pause(*client.assignment())  # from now on it fetches nothing, as behind a fetch that keeps failing
    await ask(kafka_bootstrap, routes.topics[0].name, "a", "b", "c")
    await until(lambda: _has_trouble(instance, "none was"))
    assert instance.subscriber.lag() == 3
    client.resume(*client.assignment())
    await until(lambda: has_noted(database, 3))
    await until(lambda: _has_trouble(instance, None))
    await instance.stop()


async def _is_assigned(instance: Instance) -> bool:
    return len(instance.assigned) == PARTITIONS


async def _has_trouble(instance: Instance, word: str | None) -> bool:
    trouble = instance.subscriber.trouble()
    return trouble is None if word is None else word in (trouble or "")
