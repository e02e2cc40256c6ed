"""posada audit --mend against a broker: it waits for booking to read, and leaves what a rewind would bring back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from posada.audit import topic_snapshot
from posada.audit.booking_reads import GROUP, TOPICS
from posada.audit.finding import Finding
from posada.audit.invariant import REPAIR
from posada.audit.repair import repair
from posada.client.booking_events import partitions_of
from posada.main import run
from posada.problems import Exit, Problem
from shared.contracts.booking import booking_id_of
from shared.contracts.topics import ALL_TOPICS, AVAILABILITY_COMMANDS, BOOKING_REQUESTS, SERVICES
from shared.kafka.topic_admin import create_topics
from tests.support.audit.day_fixture import House, live_a_day, spoiled
from tests.support.builders.bookings import wanted
from tests.support.servers.databases import Databases, FreshDatabase, apart_async

pytestmark = pytest.mark.real
_HOLD = """
INSERT INTO holds SELECT $1, property_id, 'held', check_in + 90, check_out + 90, rooms,
       now() + interval '1 hour', NULL, answer, '{}', now() FROM holds WHERE state = 'booked' LIMIT 1"""


@pytest.fixture(scope="module")
def house(module_database: FreshDatabase) -> House:
    """A day that was lived, with nobody connected any more."""
    urls = {service: module_database(service) for service in SERVICES}
    return apart_async(lambda _: live_a_day(urls), "")


@pytest.fixture
def restored(house: House, databases: Databases) -> Iterator[House]:
    """The house with rooms held for two bookings that booking does not know, one of a request that still stands."""
    with spoiled(house, databases, "availability") as copy:
        apart_async(lambda _: hold_for(copy.urls["availability"], booking_id_of(ASKED_FOR), GONE), "")
        yield copy


GONE = UUID(int=1)
ASKED_FOR = f"asked for {uuid4().hex}"
FINDINGS = [Finding("rooms-have-an-owner", str(one), "", REPAIR) for one in (booking_id_of(ASKED_FOR), GONE)]


async def hold_for(url: str, *bookings: UUID) -> None:
    connection = await asyncpg.connect(url)
    for booking in bookings:
        await connection.execute(_HOLD, booking)
    await connection.close()


async def ask(bootstrap: str, *bodies: object, key: bytes = b"any") -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for body in bodies:
            raw = body if isinstance(body, bytes) else orjson.dumps(body)
            await producer.send_and_wait(BOOKING_REQUESTS.name, raw, key=key)


@asynccontextmanager
async def booking_at_work(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A copy of booking as Kafka sees it, that has read everything by now."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        places = await partitions_of(bootstrap, *TOPICS)
        await consumer.commit(await consumer.end_offsets(places))
        yield consumer
    finally:
        await consumer.stop()


async def commands(bootstrap: str) -> int:
    """How many commands availability was ever given."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(
            await partitions_of(bootstrap, AVAILABILITY_COMMANDS.name)
        )
        return sum(ends.values())
    finally:
        await consumer.stop()


async def test_nothing_is_sent_while_booking_does_not_run(restored: House, kafka_bootstrap: str) -> None:
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    before = await commands(kafka_bootstrap)
    with pytest.raises(Problem, match="posada rewind booking") as refused:
        await repair(restored.urls, kafka_bootstrap, FINDINGS, seal=None, even_promised=True, within_s=0)
    assert refused.value.code == Exit.NO
    assert await commands(kafka_bootstrap) == before


async def test_nothing_is_sent_while_booking_has_something_to_read(restored: House, kafka_bootstrap: str) -> None:
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    before = await commands(kafka_bootstrap)
    async with booking_at_work(kafka_bootstrap):
        await ask(kafka_bootstrap, wanted(f"unread {uuid4().hex}"))
        with pytest.raises(Problem, match=r"1 messages still to read.*posada rewind booking"):
            await repair(restored.urls, kafka_bootstrap, FINDINGS, seal=None, even_promised=True, within_s=0)
    assert await commands(kafka_bootstrap) == before


async def test_what_a_rewind_would_bring_back_is_left(restored: House, kafka_bootstrap: str) -> None:
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    await ask(kafka_bootstrap, b"{", b"[]", {"request_id": 7}, wanted(f" {ASKED_FOR} "))
    before = await commands(kafka_bootstrap)
    async with booking_at_work(kafka_bootstrap):
        done = await repair(restored.urls, kafka_bootstrap, FINDINGS, seal=None, within_s=10)

    assert [(message.type_name, message.booking) for message in done.sent] == [
        ("posada.availability.release-rooms.v1", str(GONE))
    ]
    assert (done.asked_for, done.promised, done.moving) == ([booking_id_of(ASKED_FOR)], [], [])
    assert await commands(kafka_bootstrap) == before + 1


async def test_a_confirmation_that_stands_is_a_promise(
    house: House, databases: Databases, kafka_bootstrap: str
) -> None:
    """Of a restored booking whose request is gone; the hold says that it was confirmed."""
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    promised = uuid4()
    finding = Finding("rooms-have-an-owner", str(promised), "", REPAIR)
    with spoiled(house, databases, "availability") as copy:
        connection = await asyncpg.connect(copy.urls["availability"])
        await connection.execute(_HOLD.replace("'held'", "'booked'"), promised)
        await connection.close()
        async with booking_at_work(kafka_bootstrap):
            left = await repair(copy.urls, kafka_bootstrap, [finding], seal=None, within_s=10)
            given_up = await repair(copy.urls, kafka_bootstrap, [finding], seal=None, within_s=10, even_promised=True)

    assert (left.promised, left.sent) == ([promised], [])
    assert given_up.promised == []
    assert [message.booking for message in given_up.sent] == [str(promised)]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        run(["audit", *words])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err


def test_the_command_refuses_with_exit_code_1_and_says_what_to_do(
    restored: House, kafka_bootstrap: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSADA_KAFKA_SECRETS", '{"1": "' + "s" * 32 + '"}')
    asyncio.run(create_topics(kafka_bootstrap, ALL_TOPICS))
    databases = [word for service, url in restored.urls.items() for word in ("--database", f"{service}={url}")]

    code, told = said(capsys, "--mend", "--bootstrap", kafka_bootstrap, "--grace", "0", "--settle", "0", *databases)

    assert (code, "posada rewind booking" in told) == (Exit.NO, True), told


@pytest.mark.parametrize("words", [("--even-promised",), ("--mend", "--without-topics")])
def test_options_that_make_no_sense_together_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, told = said(capsys, *words)
    assert (code, words[0] in told) == (Exit.USAGE, True)


async def test_nothing_is_sent_while_nobody_can_tell_whom_messages_are_about(
    restored: House, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    monkeypatch.setattr(topic_snapshot, "MOST_UNREAD", -1)  # what is unread, be it nothing, is too much
    before = await commands(kafka_bootstrap)
    async with booking_at_work(kafka_bootstrap):
        with pytest.raises(Problem, match="too many to tell"):
            await repair(restored.urls, kafka_bootstrap, FINDINGS, seal=None, even_promised=True, within_s=10)
    assert await commands(kafka_bootstrap) == before


async def test_whom_a_message_is_about_is_left(house: House, databases: Databases, kafka_bootstrap: str) -> None:
    await create_topics(kafka_bootstrap, ALL_TOPICS)
    moving = uuid4()
    with spoiled(house, databases, "availability") as copy:
        connection = await asyncpg.connect(copy.urls["availability"])
        await connection.execute(_HOLD, moving)
        await connection.execute(
            "INSERT INTO outbox"
            " VALUES (gen_random_uuid(), 'posada.booking.replies', $1, '[]', '', now() + interval '2 minutes')",
            str(moving),
        )
        await connection.close()
        async with booking_at_work(kafka_bootstrap):
            finding = Finding("rooms-have-an-owner", str(moving), "", REPAIR)
            done = await repair(copy.urls, kafka_bootstrap, [finding], seal=None, within_s=10)
    assert (done.moving, done.sent) == ([moving], [])
