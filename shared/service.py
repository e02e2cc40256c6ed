"""Puts a service together from its parts, runs it, and takes it down without losing the batch in hand."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from shared.auth.authorization import authorized
from shared.auth.scopes import Scopes
from shared.clock import Clock, system_clock
from shared.consumer.processor import Processor
from shared.consumer.routing import Routes
from shared.consumer.subscriber import Subscriber
from shared.database.pool import UNAVAILABLE, Database
from shared.database.probe import DatabaseProbe
from shared.errors import described
from shared.gauges import OUTBOX, Reading, reading
from shared.http.app import (
    answer_faults,
    authenticated,
    before_body,
    health_router,
    refuse_unauthenticated,
)
from shared.http.bodies import BodyLimit
from shared.http.connections import DatabaseOfRequests
from shared.http.headers import SecurityHeaders
from shared.http.metrics import HttpMetrics
from shared.http.query_names import refuse_close_names
from shared.http.server import config_of
from shared.kafka.broker import broker_of
from shared.kafka.partitioning import partition
from shared.kafka.topics import KEPT_BYTES
from shared.loops import repeating
from shared.messages.record_auth import SealingProducer
from shared.observability import metrics
from shared.observability.logs import set_up_logs
from shared.observability.tracing import set_up_traces
from shared.outbox.publisher import KafkaTransport, OutboxPublisher
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)

GARBAGE = 20_000  # new objects before the collector looks through the youngest; a batch makes thousands
READY_SECONDS = 1.0  # how often the gauge of readiness is set
NOT_STARTED = 3  # the exit code where HTTP cannot be served, such as on a port that is taken
# A stop is over within 30 s, whatever is away: so long for the batch in hand and its offsets, then so long for each
# part that hangs.
END_SECONDS = 12.0
HANG_SECONDS = 1.0
MOST_HANGS = 8
STARTING = "the service is starting: it waits for its database or for Kafka"


@dataclass
class Service:
    """A service's parts: its routes, its HTTP endpoints, and what it does by itself.

    `loops` are background works that run for as long as the service does; each is given the outbox's publisher.
    `gauges` are read from its database beside the outbox's, `scopes` say whose each request is. `webhooks` are routers
    that authenticate their callers themselves. A service that is not `urgent`, because nothing waits for its
    answers, lets its messages linger at the broker. `large_bodies` has the paths that take more bytes than others do.
    """

    name: str
    version: str
    settings: ServiceSettings
    database: Database
    routes: Routes[Any]
    routers: Sequence[APIRouter] = ()
    webhooks: Sequence[APIRouter] = ()
    loops: Sequence[Callable[[OutboxPublisher], Awaitable[None]]] = ()
    gauges: Sequence[Reading] = ()
    scopes: Scopes = field(default_factory=Scopes)
    clock: Clock = field(default=system_clock)
    urgent: bool = True
    large_bodies: Mapping[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises:
            ValueError: when the settings would open the API to other machines without a token, or Kafka to everybody.
        """
        refuse_unauthenticated(self.settings)
        self.settings.refuse_unsigned()
        set_up_logs(self.name, level=self.settings.log_level, as_json=self.settings.log_json)
        set_up_traces(self.name, self.settings.otlp_endpoint)
        running = _Running(self)
        server = uvicorn.Server(config_of(self._app(running), self.settings))
        running.on_fault = lambda: setattr(server, "should_exit", True)
        with suppress(KeyboardInterrupt):
            server.run()
        if running.fault:
            raise running.fault
        if not server.started:
            sys.exit(NOT_STARTED)

    def app(self) -> FastAPI:
        """The HTTP application; its lifespan is the service's."""
        return self._app(_Running(self))

    def _app(self, running: _Running) -> FastAPI:
        app = FastAPI(
            title=f"Posada {self.name}", version=self.version, lifespan=running.lifespan, redirect_slashes=False
        )
        app.add_middleware(DatabaseOfRequests)
        let_in = authenticated(self.settings)
        app.add_middleware(BodyLimit, larger=self.large_bodies, authenticate=before_body(let_in))
        if self.settings.cors_origins:
            app.add_middleware(
                CORSMiddleware,
                allow_origins=self.settings.cors_origins,
                allow_methods=["*"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            )
        app.add_middleware(SecurityHeaders)
        app.add_middleware(HttpMetrics)
        metrics.BUILD.labels(self.name, self.version).set(1)
        answer_faults(app)
        app.include_router(health_router(running.trouble))
        guards = [Depends(let_in), Depends(running.check_started), Depends(refuse_close_names)]
        for router in self.routers:
            app.include_router(authorized(router, self.scopes, self.database), dependencies=guards)
        for router in self.webhooks:
            app.include_router(router)
        return app


class _Running:
    """A service between its start and its stop.

    HTTP is served from the first moment on: a service that only waits for Kafka or its database is alive, and not
    ready. A fault that no waiting mends ends the service and calls `on_fault`.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._subscriber: Subscriber | None = None
        self._probe = DatabaseProbe(service.database)  # which counts from the start
        self._stopping = asyncio.Event()
        self.fault: Exception | None = None
        self.on_fault: Callable[[], None] = lambda: None

    def trouble(self) -> str | None:
        """Why it is not ready: known beforehand, so that a probe waits for nothing that may hang."""
        if self._subscriber is None:
            return STARTING
        return self._probe.trouble() or self._subscriber.trouble()

    async def _show_readiness(self) -> None:
        while True:
            metrics.READY.set(0 if self.trouble() else 1)
            await asyncio.sleep(READY_SECONDS)

    async def check_started(self) -> None:
        """A dependency of endpoints that read the database: 503 until it is open."""
        if not self._service.database.is_open:
            raise HTTPException(503, f"{STARTING}; ask again in a moment", {"Retry-After": "5"})

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(self._work(app), name=self._service.name)
        try:
            yield
        finally:
            self._stopping.set()
            if self._subscriber is None:
                work.cancel()
            await _ended(work)

    async def _work(self, app: FastAPI) -> None:
        try:
            async with AsyncExitStack() as parts:
                await self._start(parts, app)
                await self._stopping.wait()
            log.info("service.stopped")
        except Exception as fault:
            self.fault = fault
            log.error("service.failed", fault=described(fault))  # noqa: TRY400 — whoever runs us prints it
            self.on_fault()

    async def _start(self, parts: AsyncExitStack, app: FastAPI) -> None:
        """Start part by part; `parts` takes down what was started, in the other order."""
        service, settings = self._service, self._service.settings
        await _when_there(service.database.open)
        parts.push_async_callback(service.database.close)
        producer = _producer_of(settings)
        transport = KafkaTransport(producer)
        publisher = OutboxPublisher(transport, service.database, clock=service.clock)
        verifier = settings.verifier(service.routes.topics)
        processor = Processor(service.routes, service.database, publisher, clock=service.clock, verifier=verifier)
        app.state.processor = processor  # commands over HTTP are processed while Kafka is still away
        await _when_there(producer.start)
        parts.push_async_callback(producer.stop)
        broker = broker_of(settings.kafka_bootstrap, settings)
        subscriber = Subscriber(
            broker,
            processor,
            batch_messages=settings.batch_messages,
            stalled_seconds=settings.stalled_seconds,
            session_seconds=settings.kafka_session_seconds,
            linger=not service.urgent,
        )
        for stop in (publisher.stop, producer.flush, transport.flush, broker.stop):
            parts.push_async_callback(stop)
        await _when_there(broker.start)
        publisher.start()
        subscriber.start()
        parts.push_async_callback(subscriber.stop)
        gauges = reading(service.database, (OUTBOX, *service.gauges), service.clock, seconds=settings.gauges_seconds)
        loops = [_kept_up(loop, publisher) for loop in (*service.loops, gauges)]
        self._probe = DatabaseProbe(service.database)
        self._subscriber = subscriber
        loops += [asyncio.create_task(self._probe.run()), asyncio.create_task(self._show_readiness())]
        parts.push_async_callback(_end, loops)
        _spare_the_collector()
        log.info("service.started", port=settings.http_port)


def _kept_up(loop: Callable[[OutboxPublisher], Awaitable[None]], publisher: OutboxPublisher) -> asyncio.Task[None]:
    """A background work that runs for ever and begins again behind a fault."""
    return repeating(getattr(loop, "__qualname__", ""), partial(loop, publisher), seconds=1)


def _producer_of(settings: ServiceSettings) -> SealingProducer:
    return SealingProducer(
        settings.seal(),
        bootstrap_servers=settings.kafka_bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        compression_type=None,  # some clients of our public topics read no lz4, and gzip costs what it saves
        max_batch_size=128 * 1024,
        max_request_size=KEPT_BYTES,
        partitioner=partition,
        metadata_max_age_ms=settings.metadata_age_ms,
        **settings.kafka_client(),
    )


async def _ended(work: asyncio.Task[None]) -> None:
    """Wait for the end, but not for ever: while Kafka or the database is away, parts that hang are cancelled.

    Their offsets are not committed, so that an unfinished batch comes again.
    """
    await asyncio.wait([work], timeout=END_SECONDS)
    for _ in range(MOST_HANGS):
        if work.done():
            return
        log.warning("service.stop_hangs")
        work.cancel()
        await asyncio.wait([work], timeout=HANG_SECONDS)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _spare_the_collector() -> None:
    """Objects of a started service stay: the garbage collector need not look through them again and again."""
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
