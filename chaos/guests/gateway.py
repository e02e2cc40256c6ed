"""The gateway of a storm: publishes what guests send, however often the broker goes away, and hears every outcome."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from chaos.guests.requests import TRANSFERS, Guest, Send
from posada.client.booking_events import OUTCOMES
from posada.cluster.secrets import CHAT, ClusterSecrets
from shared.contracts.topics import BOOKING_EVENTS
from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions

SEND_S: Final = 10.0
PAUSE_S: Final = 0.3
MOST_WAITING: Final = 150


@dataclass(slots=True)
class Heard:
    """The outcomes of one request: its kind and reason, when it was first heard, and how many event ids it has."""

    kind: str
    reason: str
    at: float
    ids: set[str] = field(default_factory=set)


class Gateway:
    """A simple client, as others write it: it sends again what it is not sure of. Times are monotonic seconds."""

    def __init__(self, bootstrap: str, secrets: ClusterSecrets) -> None:
        self._bootstrap = bootstrap
        self._secrets = secrets
        self._producer: AIOKafkaProducer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.sent = 0
        self.sent_again = 0
        self.sent_at: dict[str, float] = {}
        self.heard: dict[str, Heard] = {}
        self.repeated_outcomes = 0

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", request_timeout_ms=5_000)
        await self._producer.start()
        reader = consumer(self._bootstrap, auto_offset_reset="earliest")
        await reader.start()
        reader.assign(await partitions(self._bootstrap, {BOOKING_EVENTS.name}))
        self._tasks.append(asyncio.create_task(self._listen(reader)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._producer:
            await self._producer.stop()

    async def serve(self, guests: Iterable[Guest], began: float) -> None:
        """Publish everything that guests send, not before its time; ends when the broker has it all."""
        sends = sorted(((send, guest) for guest in guests for send in guest.sends), key=lambda one: one[0].at)
        under_way: set[asyncio.Task[None]] = set()
        for send, guest in sends:
            began += await self._held_back()
            await asyncio.sleep(max(0.0, began + send.at - time.monotonic()))
            if send.body.get("request_id"):
                self.sent_at.setdefault(guest.request_id, time.monotonic())
            task = asyncio.create_task(self._publish(send))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        while under_way:
            await asyncio.wait(under_way)

    async def _held_back(self) -> float:
        """Wait while many guests wait for their outcome, and return for how many seconds: this is no test of load."""
        since = time.monotonic()
        while len(self.sent_at) - len(self.heard) > MOST_WAITING:  # noqa: ASYNC110  # heard by another task, from afar
            await asyncio.sleep(PAUSE_S)
        return time.monotonic() - since

    def kinds(self, request_ids: Iterable[str]) -> Mapping[str, int]:
        """How many of the requests came out how, by kind and reason."""
        heard = (self.heard.get(one) for one in request_ids)
        return Counter(f"{one.kind} {one.reason}".strip() if one else "no outcome" for one in heard)

    async def _publish(self, send: Send) -> None:
        bare = [("ce_id", send.id.encode()), ("ce_source", CHAT.encode())] if send.id else []
        body = orjson.dumps(send.body)
        sender = self._secrets.source() if send.topic == TRANSFERS else self._secrets.gateway()
        headers = sender.signed(send.topic, body, bare)
        while True:
            try:
                assert self._producer is not None  # noqa: S101
                async with asyncio.timeout(SEND_S):
                    await self._producer.send_and_wait(send.topic, body, headers=headers)
            except (KafkaError, OSError, TimeoutError):
                self.sent_again += 1
                await asyncio.sleep(PAUSE_S)
            else:
                self.sent += 1
                return

    async def _listen(self, reader: AIOKafkaConsumer) -> None:
        try:
            while True:
                try:
                    read = await reader.getmany(timeout_ms=500)
                except KafkaError:
                    await asyncio.sleep(PAUSE_S)
                    continue
                for records in read.values():
                    for record in records:
                        self._hear(record)
        finally:
            await reader.stop()

    def _hear(self, record: Any) -> None:
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value}
        kind = headers.get("ce_type", "")
        if kind not in OUTCOMES:
            return
        body = orjson.loads(record.value)
        refusal = body.get("refusal") or {}
        heard = self.heard.get(body["request_id"])
        if heard is None:
            heard = Heard(kind.split(".")[2], str(refusal.get("reason", "")), time.monotonic())
            self.heard[body["request_id"]] = heard
        else:
            self.repeated_outcomes += 1
        heard.ids.add(headers.get("ce_id", ""))
