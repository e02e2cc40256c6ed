"""Puts a service together from its parts, runs it, and takes it down without losing the batch in hand."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
import uvicorn
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, FastAPI
from faststream.kafka import KafkaBroker
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from shared.clock import Clock, system_clock
from shared.consumer import Consumer
from shared.database import UNAVAILABLE, Database
from shared.errors import described
from shared.http import answer_outages, answer_refusals, authenticated, health_router
from shared.logs import set_up_logs
from shared.relay import KafkaCarrier, Relay
from shared.routes import Routes
from shared.settings import ServiceSettings
from shared.subscriber import Subscriber
from shared.telemetry import set_up_traces

log = structlog.get_logger(__name__)

GARBAGE = 20_000  # new objects before the collector looks through the youngest; a batch makes thousands
LINGER_MS = 50  # what one that nobody waits for may let messages gather

Loop = Callable[[], Awaitable[None]]


@dataclass
class Service:
    """A service's parts: what it is told, what it answers over HTTP, and what it does by itself.

    `loops` are background works that run for as long as the service does; each is given the relay. `webhooks` are
    routers that check who calls by themselves. A service that nobody waits for lets what it listens to gather for
    `linger_ms`.
    """

    name: str
    version: str
    settings: ServiceSettings
    database: Database
    routes: Routes[Any]
    routers: Sequence[APIRouter] = ()
    webhooks: Sequence[APIRouter] = ()
    loops: Sequence[Callable[[Relay], Awaitable[None]]] = ()
    clock: Clock = field(default=system_clock)
    linger_ms: int = 0

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C."""
        set_up_logs(self.name, level=self.settings.log_level, as_json=self.settings.log_json)
        set_up_traces(self.name, self.settings.otlp_endpoint)
        uvicorn.run(
            self.app(),
            host=self.settings.http_host,
            port=self.settings.http_port,
            loop="uvloop",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )

    def app(self) -> FastAPI:
        """The HTTP application; its lifespan is the service's."""
        running = _Running(self)
        app = FastAPI(title=f"Posada {self.name}", version=self.version, lifespan=running.lifespan)
        answer_outages(app)
        answer_refusals(app)
        app.include_router(health_router(running.trouble))
        for router in self.routers:
            app.include_router(router, dependencies=[Depends(authenticated(self.settings))])
        for router in self.webhooks:
            app.include_router(router)
        return app


class _Running:
    """A service between its start and its stop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._subscriber: Subscriber | None = None

    def trouble(self) -> str | None:
        return self._subscriber.trouble() if self._subscriber else "the service is starting"

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        service, settings = self._service, self._service.settings
        await _when_there(service.database.open)
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            compression_type=None,  # some clients of our public topics read no lz4, and gzip costs what it saves
            max_batch_size=128 * 1024,
        )
        await _when_there(producer.start)
        carrier = KafkaCarrier(producer)
        relay = Relay(carrier, service.database, clock=service.clock)
        consumer = Consumer(service.routes, service.database, relay, clock=service.clock)
        broker = KafkaBroker(settings.kafka_bootstrap, apply_types=False, logger=None)
        subscriber = Subscriber(
            broker,
            consumer,
            batch_messages=settings.batch_messages,
            stalled_seconds=settings.stalled_seconds,
            linger_ms=service.linger_ms,
        )
        await _when_there(broker.start)
        relay.start()
        subscriber.start()
        loops = [asyncio.create_task(_keep(loop, relay)) for loop in service.loops]
        self._subscriber = subscriber
        _spare_the_collector()
        log.info("service.started", port=settings.http_port)
        try:
            yield
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await subscriber.stop()
            await broker.stop()
            await carrier.send_gathered()
            await producer.flush()
            await relay.stop()
            await producer.stop()
            await service.database.close()
            log.info("service.stopped")


def _spare_the_collector() -> None:
    """What is there when a service has started stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


async def _when_there(start: Callable[[], Awaitable[Any]]) -> None:
    """Start a part as soon as what it needs is there: services may come up in any order."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((*UNAVAILABLE, KafkaError)), wait=wait_exponential(max=5), reraise=True
    ):
        with attempt:
            await start()


async def _keep(loop: Callable[[Relay], Awaitable[None]], relay: Relay) -> None:
    """Run a background work for ever; what breaks it is told, and it begins again."""
    while True:
        try:
            await loop(relay)
        except (*UNAVAILABLE, KafkaError) as outage:
            log.warning("loop.waiting", outage=described(outage))
        except Exception:
            log.exception("loop.fault")
        await asyncio.sleep(1)
