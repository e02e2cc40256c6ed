"""A stranger on a broker without access lists: what is forged confirms nothing, and the auditor would name it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from posada.audit.auditor import Auditor
from posada.audit.topic_snapshot import TopicReader
from posada.cluster.cluster import LocalCluster
from posada.cluster.secrets import BANK, CHAT
from shared.contracts.booking import booking_id_of
from shared.contracts.payments import PaymentReserved
from shared.contracts.topics import BOOKING_REPLIES, SERVICES, dead
from shared.messages.message import Envelope
from shared.messages.record_auth import MAC, Seal, Sender
from shared.outbox.dead_letter_topic import DeadLetter, list_dead
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import REQUESTS, TRANSFERS, Gateway, rows, unique, wait_for
from tests.support.oracle import until_at_rest

REPLIES = BOOKING_REPLIES.name
QUESTIONS = "posada.payments.requests"
STATUS = "SELECT status FROM payment_requests WHERE booking_id = $1"
SOON_S = 30.0


@pytest.fixture(scope="module", autouse=True)
def patient(running_cluster: LocalCluster) -> Iterator[None]:
    """Payments looks for money for as long as these tests take."""
    running_cluster.configure("payments", {"POSADA_RETRY_INTERVALS": "[3600, 3600, 3600]"})
    yield
    running_cluster.configure("payments", {})


async def waiting(cluster: LocalCluster, gateway: Gateway) -> tuple[dict[str, Any], UUID]:
    """A request whose money has not arrived, and its booking."""
    wanted = request(fresh_night())
    booking_id = booking_id_of(wanted["request_id"])
    await gateway.publish(REQUESTS, wanted)
    await status_is(cluster, booking_id, "waiting")
    return wanted, booking_id


async def status_is(cluster: LocalCluster, booking_id: UUID, status: str) -> None:
    async def it_is() -> bool:
        return [row["status"] for row in await rows(cluster, "payments", STATUS, booking_id)] == [status]

    await wait_for(it_is, what=f"the money of {booking_id} to be {status}", timeout_s=SOON_S)


async def set_aside(cluster: LocalCluster, service: str, mark: str) -> DeadLetter:
    """The dead letter with this header or text in it, as soon as the service has set it aside."""
    found: list[DeadLetter] = []

    async def there() -> bool:
        letters = await list_dead(cluster.kafka_bootstrap, [dead(service)], cluster.secrets.seal())
        found.extend(one for one in letters if mark in json.dumps(one.as_json(), default=str))
        return bool(found)

    await wait_for(there, what=f"{service} to set {mark} aside", timeout_s=SOON_S)
    assert not found[0].verified
    return found[0]


def forged_reply(booking_id: UUID) -> tuple[str, dict[str, Any]]:
    """What payments would say, in its name, and the mark by which its dead letter is found."""
    mark = unique("forged")
    reply = PaymentReserved(booking_id=booking_id, payment_id=mark, amount="690.00")
    envelope = Envelope(id=mark, type=reply.type_name, source="posada/payments", correlation=str(booking_id))
    body = reply.model_dump_json().encode()
    return mark, {"topic": REPLIES, "body": body, "key": str(booking_id).encode(), "headers": envelope.headers()}


async def test_a_forged_reply_confirms_nothing(cluster: LocalCluster, gateway: Gateway) -> None:
    _, booking_id = await waiting(cluster, gateway)
    stranger = Seal({"1": "s" * 32})
    mark, forged = forged_reply(booking_id)
    sealed = stranger.sealed(REPLIES, forged["key"], forged["body"], forged["headers"])

    await gateway.publish(**forged, signed=False)
    assert "only programs with POSADA_KAFKA_SECRETS" in (await set_aside(cluster, "booking", mark)).reason
    other, again = forged_reply(booking_id)
    await gateway.publish(**again | {"headers": [*again["headers"], sealed[-1]]}, signed=False)
    assert "none of POSADA_KAFKA_SECRETS" in (await set_aside(cluster, "booking", other)).reason

    stays = await rows(cluster, "booking", "SELECT FROM stays WHERE booking_id = $1", booking_id)
    [(status,)] = await rows(cluster, "booking", "SELECT status FROM bookings WHERE id = $1", booking_id)
    assert (stays, status) == ([], "PENDING")
    await given_up(cluster, gateway, booking_id)


async def test_without_the_check_it_confirms_and_the_auditor_names_it_in_seconds(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    """The guard off by name: the forgery works, which proves the test above, and the auditor sees it at once."""
    wanted, booking_id = await waiting(cluster, gateway)
    cluster.configure("booking", {"POSADA_KAFKA_RECORDS": "trust-access-lists"})
    _, forged = forged_reply(booking_id)
    await gateway.publish(**forged, signed=False)
    outcome = await gateway.outcome(wanted["request_id"])
    assert outcome.kind == "confirmed"

    async with TopicReader(cluster.kafka_bootstrap) as topics:
        urls = {service: cluster.database_url(service) for service in SERVICES}
        async with asyncio.timeout(20):
            report = await Auditor(urls, topics).audit(grace_s=1, settle_s=60)
    cluster.configure("booking", {})
    named = [one for one in report.findings if one.subject == str(booking_id)]
    assert [one.invariant for one in named] == ["counted-on-is-reserved"], [asdict(one) for one in report.findings]
    await gateway.pay([money_for(wanted)])  # it is put right, for the other tests
    await until_paid(cluster, gateway, booking_id)


async def until_paid(cluster: LocalCluster, gateway: Gateway, booking_id: UUID) -> None:
    """Have payments look once more, so that the capture succeeds."""
    headers = [("ce_type", b"posada.payments.mark-frustrated.v1")]
    await gateway.publish(QUESTIONS, {"booking_id": str(booking_id)}, headers=headers)
    await status_is(cluster, booking_id, "captured")
    await until_at_rest(cluster)


async def test_a_forged_transfer_pays_for_nothing(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted, booking_id = await waiting(cluster, gateway)
    money = money_for(wanted) | {"source": BANK}
    await gateway.publish(TRANSFERS, money, signed=False)
    await set_aside(cluster, "payments", money["transfer_id"])
    other = money_for(wanted) | {"source": BANK}
    body = json.dumps(other).encode()
    for sender in (Sender(BANK, "s" * 32), cluster.secrets.gateway()):
        await gateway.publish(TRANSFERS, body, headers=sender.signed(TRANSFERS, body), signed=False)
    await set_aside(cluster, "payments", other["transfer_id"])
    theirs = money_for(wanted) | {"source": "another-bank"}
    body = json.dumps(theirs).encode()
    headers = cluster.secrets.source().signed(TRANSFERS, body)
    await gateway.publish(TRANSFERS, body, headers=headers, signed=False)
    assert "in its own name alone" in (await set_aside(cluster, "payments", theirs["transfer_id"])).reason

    arrived = "SELECT FROM payments WHERE transfer_id = ANY($1)"
    assert not await rows(cluster, "payments", arrived, [one["transfer_id"] for one in (money, other, theirs)])
    await status_is(cluster, booking_id, "waiting")
    await given_up(cluster, gateway, booking_id)


@pytest.mark.parametrize("kind", ["mark-frustrated", "withdraw-payment"])
async def test_a_stranger_ends_no_search(cluster: LocalCluster, gateway: Gateway, kind: str) -> None:
    _, booking_id = await waiting(cluster, gateway)
    body = {"booking_id": str(booking_id), "reason": "none of yours"}
    headers = [("ce_type", f"posada.payments.{kind}.v1".encode()), ("ce_id", unique("e").encode())]
    await gateway.publish(QUESTIONS, body, headers=headers, signed=False)
    assert "not unsigned" in (await set_aside(cluster, "payments", str(booking_id))).reason
    await status_is(cluster, booking_id, "waiting")

    await gateway.publish(QUESTIONS, body, headers=headers)  # the same of a gateway that has a secret
    await status_is(cluster, booking_id, "refused")
    await given_up(cluster, gateway, booking_id)


async def given_up(cluster: LocalCluster, gateway: Gateway, booking_id: UUID) -> None:
    """End the search, so that nothing is left open for other tests."""
    headers = [("ce_type", b"posada.payments.withdraw-payment.v1")]
    await gateway.publish(QUESTIONS, {"booking_id": str(booking_id)}, headers=headers)
    await status_is(cluster, booking_id, "refused")


async def test_a_gateway_with_a_secret_is_not_spoken_for(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    named = [("ce_source", CHAT.encode()), ("ce_id", unique("e").encode())]
    await gateway.publish(REQUESTS, wanted, headers=named, signed=False)
    assert "nothing of it is taken unsigned" in (await set_aside(cluster, "booking", wanted["request_id"])).reason

    await gateway.pay([money_for(wanted)])
    body = json.dumps(wanted).encode()
    await gateway.publish(REQUESTS, body, headers=cluster.secrets.gateway().signed(REQUESTS, body, named), signed=False)
    assert (await gateway.outcome(wanted["request_id"])).kind == "confirmed"


async def test_a_true_record_is_true_in_its_own_place_alone(cluster: LocalCluster, gateway: Gateway) -> None:
    """A recorded reply, sent again with another key, topic, header or body: each is set aside."""
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    await gateway.book(wanted)
    true = await reply_of(cluster, booking_id_of(wanted["request_id"]))
    facts: dict[str, Any] = {"topic": REPLIES, "body": true.value, "key": true.key, "headers": list(true.headers)}
    assert MAC in dict(true.headers)
    changes: list[dict[str, Any]] = [
        {"key": str(uuid4()).encode()},
        {"topic": "posada.booking.internal"},
        {"headers": [("posada_replay", b"again"), *true.headers]},
        {"body": true.value + b" "},
    ]
    for change in changes:
        place = await place_of(gateway, facts | change)
        assert "none of POSADA_KAFKA_SECRETS" in (await set_aside(cluster, "booking", place)).reason


async def place_of(gateway: Gateway, facts: dict[str, Any]) -> str:
    """Publish a record as it is; returns where it stands, topic/partition/offset."""
    sent = await gateway._producer.send_and_wait(
        facts["topic"], value=facts["body"], key=facts["key"], headers=facts["headers"]
    )
    return f"{sent.topic}/{sent.partition}/{sent.offset}"


async def reply_of(cluster: LocalCluster, booking_id: UUID) -> ConsumerRecord[Any, Any]:
    """A reply that stands on the topic for a booking."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.kafka_bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        places = [TopicPartition(REPLIES, number) for number in range(BOOKING_REPLIES.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        async with asyncio.timeout(SOON_S):
            async for record in consumer:
                if record.key == str(booking_id).encode():
                    return record
        raise AssertionError("no reply")
    finally:
        await consumer.stop()


@pytest.fixture
def tell_secrets(cluster: LocalCluster) -> Iterator[Callable[[str, Mapping[str, str]], None]]:
    """Restarts a service with these secrets of records, and booking with much patience; in the end all have theirs."""

    def tell(service: str, secrets: Mapping[str, str]) -> None:
        cluster.configure(service, {"POSADA_KAFKA_SECRETS": json.dumps(secrets), "POSADA_SAGA_PATIENCE_SECONDS": "600"})

    tell("booking", cluster.secrets.installation)
    yield tell
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda service: cluster.configure(service, {}), SERVICES))


async def test_the_secret_is_changed_while_bookings_go_on(
    cluster: LocalCluster, tell_secrets: Callable[[str, Mapping[str, str]], None], gateway: Gateway
) -> None:
    """Three rounds over the services, one after the other: recognise the new one, sign with it, forget the old one."""
    (old,) = cluster.secrets.installation.items()
    new = ("2", "n" * 43)
    rounds = [(service, dict(told)) for told in ((new, old), (old, new), (new,)) for service in SERVICES]
    guests = [request(fresh_night()) for _ in rounds]
    await gateway.pay([money_for(guest) for guest in guests])
    before = await letters(cluster)
    for guest, (service, told) in zip(guests, rounds, strict=True):
        restarted = asyncio.create_task(asyncio.to_thread(tell_secrets, service, told))
        await gateway.publish(REQUESTS, guest)  # it comes while the service restarts
        await restarted
        assert (await gateway.outcome(guest["request_id"], timeout_s=90)).kind == "confirmed"
    await until_at_rest(cluster)
    assert await letters(cluster) == before


async def letters(cluster: LocalCluster) -> set[str]:
    """What has been set aside so far, whoever signed it."""
    return {one.id for one in await list_dead(cluster.kafka_bootstrap, [dead(service) for service in SERVICES])}
