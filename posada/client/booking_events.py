"""Talks to Kafka as a gateway would: publishes with CloudEvents headers, and follows bookings by their events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from posada.problems import Problem
from shared.contracts.topics import BOOKING_EVENTS, BOOKING_PROGRESS
from shared.kafka.access import from_environment
from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions
from shared.kafka.topics import KEPT_BYTES
from shared.messages.message import Envelope, Headers, Message
from shared.messages.record_auth import Seal, SealingProducer
from shared.observability.tracing import new_traceparent

SOURCE: Final = "posada-cli"
POLL_MS: Final = 200
OUTCOMES: Final = ("posada.booking.confirmed.v1", "posada.booking.refused.v1", "posada.booking.failed.v1")
CONFIRMED: Final = OUTCOMES[0]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a booking as it was read: its type and its body, whatever version that has."""

    booking_id: UUID
    type: str
    body: Mapping[str, Any]

    @property
    def step(self) -> str:
        """What happened, in a word: a step's name, or the event's own."""
        return str(self.body.get("step") or self.type.removeprefix("posada.booking.").rpartition(".v")[0])

    @property
    def is_outcome(self) -> bool:
        """Whether it says how the booking ended for the guest."""
        return self.type in OUTCOMES

    @property
    def reason(self) -> str:
        """Why there is no booking; empty for any other event."""
        refusal = self.body.get("refusal")
        return str(refusal.get("reason", "")) if isinstance(refusal, dict) else ""


@asynccontextmanager
async def producer(bootstrap: str, seal: Seal | None, *, linger_ms: int = 0) -> AsyncIterator[SealingProducer]:
    """A producer that loses and doubles nothing; `linger_ms` above zero makes batches of many messages."""
    client = SealingProducer(
        seal,
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=linger_ms,
        compression_type="lz4",
        max_request_size=KEPT_BYTES,
        **from_environment(),
    )
    try:
        await client.start()
    except KafkaConnectionError as error:
        await client.stop()
        raise nobody_at(bootstrap) from error
    try:
        yield client
    finally:
        await client.stop()


def headers_for(type_name: str, correlation: str = "") -> Headers:
    """The CloudEvents headers of a new message of ours."""
    return Envelope(
        id=str(uuid4()), type=type_name, source=SOURCE, correlation=correlation, traceparent=new_traceparent()
    ).headers()


async def publish(client: SealingProducer, message: Message, correlation: str = "") -> asyncio.Future[Any]:
    """Send a message to its own topic; the future is done when it has arrived."""
    body = message.model_dump_json(exclude_none=True).encode()
    arrived: asyncio.Future[Any] = await client.send(
        message.topic.name, body, key=message.key.encode(), headers=headers_for(message.type_name, correlation)
    )
    return arrived


class Watch:
    """Reads bookings' events from the moment it is opened; other bookings' are passed over."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = consumer(bootstrap)

    async def __aenter__(self) -> Watch:
        try:
            await self._consumer.start()
            await self._begin_at_the_end()
        except KafkaConnectionError as error:
            await self._consumer.stop()
            raise nobody_at(self._bootstrap) from error
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def events(self, bookings: Collection[UUID]) -> AsyncIterator[Event]:
        """The events of these bookings as they come, without end: the caller knows when to stop."""
        keys = {str(booking).encode(): booking for booking in bookings}
        while True:
            read = await self._consumer.getmany(timeout_ms=POLL_MS)
            records = sorted((one for several in read.values() for one in several), key=lambda one: one.timestamp)
            for record in records:
                if record.key in keys:
                    yield _event(keys[record.key], record)

    async def _begin_at_the_end(self) -> None:
        topics = (BOOKING_EVENTS, BOOKING_PROGRESS)
        partitions = [one for topic in topics for one in await partitions_of(self._bootstrap, topic.name)]
        self._consumer.assign(partitions)
        for partition, end in (await self._consumer.end_offsets(partitions)).items():
            self._consumer.seek(partition, end)  # at once: a lazy seek would miss what is published meanwhile


async def partitions_of(bootstrap: str, *topics: str) -> list[TopicPartition]:
    """The partitions of topics.

    Raises:
        Problem: when there is no such topic, or we may not know of it: a broker says the same of both.
    """
    found = await partitions(bootstrap, topics)
    if missing := sorted(set(topics) - {one.topic for one in found}):
        raise Problem(
            f"Kafka at {bootstrap} has no topic {missing[0]}, or keeps it from this user: make it with `posada topics`,"
            " or let the user describe and read it."
        )
    return found


def nobody_at(bootstrap: str) -> Problem:
    """The problem of a broker that does not answer."""
    return Problem(f"Kafka does not answer at {bootstrap}: start it with `posada up`, or give another --bootstrap.")


def _event(booking: UUID, record: Any) -> Event:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    try:
        body = orjson.loads(record.value or b"{}")
    except orjson.JSONDecodeError:
        body = {}
    return Event(booking, headers.get("ce_type", ""), body if isinstance(body, dict) else {})
