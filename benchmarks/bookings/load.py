"""A load of booking requests: so many clients, each making its next request when the last has its outcome."""

from __future__ import annotations

import asyncio
import statistics
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.bookings import properties
from posada.cluster.secrets import BANK, ClusterSecrets
from shared.contracts import topics
from shared.contracts.booking import BookingConfirmed, BookingFailed, BookingRefused, booking_id_of
from shared.kafka.consumers import consumer

OUTCOMES = {kind.type_name.encode() for kind in (BookingConfirmed, BookingRefused, BookingFailed)}
CONFIRMED = BookingConfirmed.type_name.encode()
FIRST_NIGHT = timedelta(days=20)
PAY_TIMEOUT_S = 240.0


@dataclass
class Clients(ABC):
    """Clients that book, each request with room-nights and a card payment of its own. How, is for others to say."""

    properties: int
    number: int = 0
    refused: int = 0

    async def measure(self, clients: int, seconds: float, most: int) -> list[float]:
        """Run for so long, or until so many requests were made; returns each request's time to outcome, in seconds."""
        end = time.perf_counter() + seconds
        left = iter(range(self.number, self.number + most))
        self.number += most
        found: list[list[float]] = await asyncio.gather(*[self._client(left, end) for _ in range(clients)])
        return sorted(one for several in found for one in several)

    async def level(self, clients: int, seconds: float, most: int) -> dict[str, Any]:
        """The same as figures: sagas a second, and the median and 99th percentile in milliseconds."""
        began = time.perf_counter()
        times = await self.measure(clients, seconds, most)
        took = time.perf_counter() - began
        return {
            "clients": clients,
            "sagas_per_s": round(len(times) / took, 1),
            "p50_ms": round(statistics.median(times) * 1000, 2),
            "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 2),
            "sagas": len(times),
        }

    async def _client(self, left: Any, end: float) -> list[float]:
        times = []
        while time.perf_counter() < end and (number := next(left, None)) is not None:
            times.append(await self.book(number))
        return times

    @abstractmethod
    async def book(self, number: int) -> float:
        """Make the request of this number; returns the seconds to its outcome."""

    def request(self, number: int) -> dict[str, Any]:
        """Three Junior rooms for a night, paid by card."""
        property_number = number % self.properties
        night = number // self.properties // properties.BOOKINGS_A_NIGHT % properties.NIGHTS
        check_in = date.today() + FIRST_NIGHT + timedelta(days=night)  # noqa: DTZ011
        room = {"type": "Junior", "children_0_to_5": 0, "children_6_to_10": 0}
        return {
            "request_id": f"bench-{number}",
            "property_id": f"bench-{property_number}",
            "guest": {"name": "Ana Martínez", "email": f"ana{number}@example.com", "phone": "+50370001234"},
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=1)).isoformat(),
            "package": "Las Hojas",
            "rooms": [room | {"adults": adults} for adults in (3, 3, 2)],
            "payment": {"method": "card_link", "amount": "690.00", "authorization_number": f"A{number}"},
            "contact": {"wa_id": f"5037{number:07d}"},
        }


@dataclass(kw_only=True)
class Load(Clients):
    """Publishes requests and reads outcomes back."""

    bootstrap: str
    payments_url: str
    secrets: ClusterSecrets
    _waiting: dict[bytes, asyncio.Future[float]] = field(default_factory=dict)
    _producer: Any = None
    _consumer: Any = None
    _reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and begin to read outcomes."""
        self._chat = self.secrets.gateway()
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=0)
        self._consumer = consumer(self.bootstrap, topics.BOOKING_EVENTS.name, auto_offset_reset="latest")
        await self._producer.start()
        await self._consumer.start()
        await self._consumer.seek_to_end()
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Disconnect."""
        if self._reading:
            self._reading.cancel()
        await self._consumer.stop()
        await self._producer.stop()

    async def pay(self, number: int) -> None:
        """Let the payments of the next requests arrive, and wait until the service has written them down.

        Raises TimeoutError when that takes over four minutes.
        """
        connection = await asyncpg.connect(self.payments_url)
        before = await connection.fetchval("SELECT count(*) FROM payments")
        bank = self.secrets.source()
        today = date.today().isoformat()  # noqa: DTZ011 — the posting date of a feed has no zone
        for n in range(self.number, self.number + number):
            body = {
                "transfer_id": f"bench-{n}",
                "source": BANK,
                "method": "card_link",
                "amount": "690.00",
                "posted_on": today,
                "authorization_number": f"A{n}",
            }
            topic, value = topics.PAYMENTS_TRANSFERS.name, orjson.dumps(body)
            await self._producer.send(topic, value, headers=bank.signed(topic, value))
        async with asyncio.timeout(PAY_TIMEOUT_S):
            while await connection.fetchval("SELECT count(*) FROM payments") < before + number:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await connection.close()

    async def book(self, number: int) -> float:
        request = self.request(number)
        key = str(booking_id_of(request["request_id"])).encode()
        outcome = self._waiting[key] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        topic, value = topics.BOOKING_REQUESTS.name, orjson.dumps(request)
        await self._producer.send(topic, value, key=key, headers=self._chat.signed(topic, value))
        ended: float = await outcome
        return ended - began

    async def _read(self) -> None:
        async for record in self._consumer:
            kind = dict(record.headers).get("ce_type")
            if kind in OUTCOMES and (waiting := self._waiting.pop(record.key, None)):
                self.refused += kind != CONFIRMED
                waiting.set_result(time.perf_counter())
