"""A chat gateway as seen from outside: publishes requests, and reads what becomes of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from posada.cluster.cluster import LocalCluster
from posada.cluster.secrets import BANK
from shared.contracts.topics import BOOKING_EVENTS, BOOKING_PROGRESS
from tests.support.cluster.signing import signed_headers

EVENTS: Final = BOOKING_EVENTS.name
REQUESTS: Final = "posada.booking.requests"
TRANSFERS: Final = "posada.payments.transfers"
OUTCOMES: Final = ("posada.booking.confirmed.v1", "posada.booking.refused.v1", "posada.booking.failed.v1")
SOON_S: Final = 30.0
PAUSE_S: Final = 0.05

Body = Mapping[str, Any]
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was read: its CloudEvents headers and its body."""

    id: str
    type: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """The middle of its type, such as confirmed."""
        return self.type.split(".")[2]


class Gateway:
    """One client of the cluster; inside the block it hears every booking event."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._producer: AIOKafkaProducer
        self._consumer: AIOKafkaConsumer
        self._task: asyncio.Task[None]
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        bootstrap = self._cluster.kafka_bootstrap
        # Clients may compress, and then a record may be larger than what the broker's limit seems to allow.
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, compression_type="gzip", max_request_size=20_000_000
        )
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await self._producer.start()
        await self._consumer.start()
        topics = (BOOKING_EVENTS, BOOKING_PROGRESS)
        partitions = [TopicPartition(topic.name, n) for topic in topics for n in range(topic.partitions)]
        self._consumer.assign(partitions)
        await self._consumer.seek_to_end(*partitions)
        for partition in partitions:
            await self._consumer.position(partition)  # where we are is settled before anything is published
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()
        await self._producer.stop()

    async def publish(
        self,
        topic: str,
        body: Body | bytes | None,
        *,
        headers: Headers = (),
        key: bytes | None = None,
        signed: bool = True,
    ) -> str:
        """Put one message on a topic and wait until the broker has it; `signed` as whoever may write there would.

        Returns where it stands, as services name what has no id.
        """
        if isinstance(body, Mapping):
            body = json.dumps({"source": BANK, **body} if topic == TRANSFERS and signed else body).encode()
        given = signed_headers(self._cluster.secrets, topic, key, body, headers) if signed else list(headers)
        kept = await self._producer.send_and_wait(topic, value=body, key=key, headers=given)
        return f"{topic}/{kept.partition}/{kept.offset}/{kept.timestamp}"

    @property
    def producer(self) -> AIOKafkaProducer:
        """The client itself, for records that no client should send."""
        return self._producer

    async def publish_all(self, topic: str, bodies: Sequence[Body | bytes]) -> None:
        """Put many messages on a topic, as fast as the broker takes them."""
        await asyncio.gather(*[self.publish(topic, body) for body in bodies])

    async def pay(self, transfers: Sequence[Body]) -> None:
        """Let money arrive and wait until payments has written it down."""
        await self.publish_all(TRANSFERS, transfers)
        ids = [transfer["transfer_id"] for transfer in transfers]

        async def all_there() -> bool:
            sql = "SELECT count(*) FROM payments WHERE transfer_id = ANY($1)"
            return bool((await rows(self._cluster, "payments", sql, ids))[0][0] == len(ids))

        await wait_for(all_there, what="the transfers to be recorded", timeout_s=SOON_S)

    async def book(self, request: Body) -> Event:
        """Publish one request and wait for its outcome."""
        await self.publish(REQUESTS, request)
        return await self.outcome(str(request["request_id"]))

    async def outcome(self, request_id: str, timeout_s: float = SOON_S) -> Event:
        """The first outcome of a request."""
        return (await self.outcomes([request_id], timeout_s))[0]

    async def outcomes(self, request_ids: Sequence[str], timeout_s: float = SOON_S) -> list[Event]:
        """The first outcome of each request, in the requests' order."""
        wanted = set(request_ids)
        await wait_for(
            lambda: wanted <= self._decided.keys(),
            what=lambda: f"the outcomes of {len(wanted - self._decided.keys())} of {len(wanted)} requests",
            timeout_s=timeout_s,
        )
        return [self._decided[request_id] for request_id in request_ids]

    def number_decided(self, request_ids: Sequence[str]) -> int:
        """How many of the requests have an outcome."""
        return len(set(request_ids) & self._decided.keys())

    def of_request(self, request_id: str, *kinds: str) -> list[Event]:
        """Every event of a request in the order of its partition, or those of some kinds."""
        return [
            event
            for event in self.events
            if event.body.get("request_id") == request_id and (not kinds or event.kind in kinds)
        ]

    @property
    def _decided(self) -> dict[str, Event]:
        decided: dict[str, Event] = {}
        for event in self.events:
            if event.type in OUTCOMES:
                decided.setdefault(str(event.body.get("request_id")), event)
        return decided

    async def _listen(self) -> None:
        async for record in self._consumer:
            headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
            try:
                body = json.loads(record.value or b"null")
            except (ValueError, RecursionError):  # one of the bad messages that a test puts here
                continue
            if isinstance(body, dict):
                self.events.append(Event(headers.get("ce_id", ""), headers.get("ce_type", ""), body))


async def wait_for(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]],
    *,
    what: str | Callable[[], str],
    timeout_s: float,
) -> None:
    """Ask until the condition holds; fails with what was waited for after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain for {what if isinstance(what, str) else what()}")
        await asyncio.sleep(PAUSE_S)


async def rows(cluster: LocalCluster, service: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """What a query finds in a service's database."""
    connection = await asyncpg.connect(cluster.database_url(service))
    try:
        return list(await connection.fetch(sql, *arguments))
    finally:
        await connection.close()


def unique(word: str) -> str:
    """A name that no other test has."""
    return f"{word}-{uuid4().hex[:12]}"
