"""Bad messages of every kind on each topic that a service reads: each answered or set aside, and nothing stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from posada.client.booking_events import producer
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import (
    AVAILABILITY_ANSWERS,
    BOOKING_EVENTS,
    BOOKING_PROGRESS,
    BOOKING_REPLIES,
    PAYMENTS_ANSWERS,
    SERVICES,
    dead,
    internal,
)
from shared.kafka.unpacking import FREE_BYTES
from shared.outbox.dead_letter_topic import DeadLetter, list_dead, replay
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.bad_messages import Bad, bad_messages
from tests.support.cluster.gateway import Gateway, rows, unique, wait_for
from tests.support.cluster.good_messages import PLACES, Place
from tests.support.oracle import until_at_rest

ANSWERS = (BOOKING_EVENTS, BOOKING_PROGRESS, BOOKING_REPLIES, AVAILABILITY_ANSWERS, PAYMENTS_ANSWERS)
AT_LEAST = 30
ANSWERED_S = 30.0


class Answers:
    """What the cluster says in reply to single messages, by the id of the message."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.causes: set[str] = set()

    async def listen(self) -> None:
        """Note the cause of every message that anybody sends."""
        async for record in self._consumer:
            headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
            self.causes.add(headers.get("ce_causationid", "").replace("\0", ""))


@pytest.fixture
async def answers(cluster: LocalCluster) -> AsyncIterator[Answers]:
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition(topic.name, number) for topic in ANSWERS for number in range(topic.partitions)]
    consumer.assign(partitions)
    await consumer.seek_to_end(*partitions)
    for partition in partitions:
        await consumer.position(partition)
    heard = Answers(consumer)
    task = asyncio.create_task(heard.listen())
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await consumer.stop()


async def test_each_is_answered_or_set_aside_and_no_consumer_stops(
    cluster: LocalCluster, gateway: Gateway, answers: Answers
) -> None:
    waiting: dict[tuple[str, str], str] = {}
    for place in PLACES:
        kinds = list(bad_messages(place))
        assert len(kinds) >= AT_LEAST
        for bad in kinds:
            message_id = await send(gateway, place, bad)
            waiting |= {(reader, message_id): f"{bad.kind} on {place.topic} for {reader}" for reader in place.readers}
    letters: dict[tuple[str, str], DeadLetter] = {}

    async def none_is_lost() -> bool:
        for letter in await dead_letters(cluster):
            letters[letter.service, letter.place if "unpack" in letter.reason else _id(letter)] = letter
        return all(key in letters or key[1] in answers.causes for key in waiting)

    def lost() -> str:
        missing = [what for key, what in waiting.items() if key not in letters and key[1] not in answers.causes]
        return f"{len(missing)} of {len(waiting)} bad messages: {missing[:10]}"

    await wait_for(none_is_lost, what=lost, timeout_s=ANSWERED_S)
    assert all(letters[key].reason for key in waiting if key in letters)
    await a_good_one_still_goes_through(cluster, gateway)


async def test_a_dead_letter_is_replayed(cluster: LocalCluster, gateway: Gateway) -> None:
    booking_id = str(uuid4())
    capture = {"booking_id": booking_id, "codes": ["HR1"]}
    await command(gateway, "capture-payment", capture, attempt=b"5")  # before anything was reserved: a fault
    letter = await set_aside(cluster, booking_id)
    assert "reserved nothing" in letter.reason

    card = unique("card")
    await gateway.pay([money_for({"payment": {"amount": "10.00", "authorization_number": card}})])
    evidence = {"method": "card_link", "authorization_number": card}
    reserve = {"property_id": "las-hojas", "amount": "10.00", "currency": "USD", "evidence": evidence}
    await command(gateway, "reserve-payment", reserve | {"booking_id": booking_id})
    await status_is(cluster, booking_id, "reserved")
    async with producer(cluster.kafka_bootstrap, cluster.secrets.seal()) as client:
        await replay(client, letter, dead("payments"), internal("payments"))

    await status_is(cluster, booking_id, "captured")
    assert letter.id not in {other.id for other in await dead_letters(cluster)}
    await until_at_rest(cluster)


async def send(gateway: Gateway, place: Place, bad: Bad) -> str:
    """Publish a bad message and return the id that it is known by."""
    message_id = unique("bad")
    given = (("ce_id", message_id.encode()), ("ce_source", b"acme")) if bad.named else ()
    kind = (("ce_type", bad.type.encode()),) if bad.type else ()
    stands = await gateway.publish(place.topic, bad.body, headers=[*kind, *given, *bad.headers], key=b"\xff\x00")
    if len(bad.body or b"") > FREE_BYTES:  # so much that nobody unpacks it, and knows its place alone
        return stands.rpartition("/")[0]
    return message_id if bad.named else stands  # an id that is no text is none


async def dead_letters(cluster: LocalCluster) -> list[DeadLetter]:
    """Everything that was set aside."""
    return await list_dead(cluster.kafka_bootstrap, [dead(service) for service in SERVICES], cluster.secrets.seal())


def _id(letter: DeadLetter) -> str:
    return dict(letter.headers)["ce_id"].decode("utf-8", "replace").replace("\0", "")


async def a_good_one_still_goes_through(cluster: LocalCluster, gateway: Gateway) -> None:
    """Every partition of every topic is read on: many bookings, and a message to each other door."""
    wanted = [request(fresh_night()) for _ in range(20)]
    await gateway.pay([money_for(one) for one in wanted])
    outcomes = await asyncio.gather(*[gateway.book(one) for one in wanted])
    assert {outcome.kind for outcome in outcomes} == {"confirmed"}
    message_id = unique("m")
    text: dict[str, Any] = {"message_id": message_id, "contact": "50370001111", "text": "¿Hola?"}
    await gateway.publish("posada.conversations.messages", text | {"sent_at": datetime.now(UTC).isoformat()})

    async def kept() -> bool:
        found = await rows(cluster, "conversations", "SELECT FROM messages WHERE message_id = $1", message_id)
        return len(found) == 1

    await wait_for(kept, what="a chat message to be kept", timeout_s=10)
    await until_at_rest(cluster)
    assert [one.name for one in cluster.services if one.trouble()] == []


async def command(gateway: Gateway, kind: str, body: dict[str, Any], attempt: bytes = b"") -> None:
    """Tell payments something, as the saga would."""
    headers = [("ce_type", f"posada.payments.{kind}.v1".encode()), ("posada_attempt", attempt)]
    await gateway.publish("posada.payments.commands", body, headers=headers, key=body["booking_id"].encode())


async def set_aside(cluster: LocalCluster, booking_id: str) -> DeadLetter:
    """The dead letter that speaks of a booking, as soon as it is there."""
    found: list[DeadLetter] = []

    async def there() -> bool:
        found.extend(letter for letter in await dead_letters(cluster) if booking_id.encode() in letter.body)
        return bool(found)

    await wait_for(there, what="the dead letter", timeout_s=20)
    return found[0]


async def status_is(cluster: LocalCluster, booking_id: str, status: str) -> None:
    """Wait until a booking's money is in this state."""

    async def it_is() -> bool:
        sql = "SELECT status FROM payment_requests WHERE booking_id::text = $1"
        return [row["status"] for row in await rows(cluster, "payments", sql, booking_id)] == [status]

    await wait_for(it_is, what=f"the payment to be {status}", timeout_s=20)
