"""Carries out a plan of faults against a cluster, repairs what it broke, and notes how long each recovery took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from chaos.faults import network
from chaos.faults.plan import BROKER, DATABASE, Fault, FaultKind, database_proxy
from chaos.faults.tcp_proxy import TcpProxies
from deploy.local.backend import OwnBackend
from deploy.local.processes.process import BackendFailed
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import ALL_TOPICS, SERVICES
from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions

Record: TypeAlias = "ConsumerRecord[Any, Any]"
BACK_S: Final = 120.0
LOOK_S: Final = 0.1
AT_ONCE: Final = 2
MOST_PROBLEMS: Final = 800
REPEATED: Final = (20, 120)  # records that one fault publishes again
_CUT: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid()"
)


ON_PROXIES: Final = {FaultKind.TEAR: network.tear, FaultKind.SLOW: network.slow, FaultKind.MUTE: network.mute}


@dataclass(slots=True)
class InjectedFault:
    """A fault that was injected. Times are monotonic seconds; `back` is when the target was ready again, if ever."""

    fault: Fault
    at: float
    repaired: float | None = None
    back: float | None = None
    count: int = 0
    problem: str = ""

    @property
    def missed(self) -> bool:
        """Whether it had no effect: what was away already can neither be cut nor given anything again."""
        return self.fault.kind in {FaultKind.CUT, FaultKind.REPEAT} and self.repaired is None


class FaultInjector:
    """Injects faults into a cluster: one at a time for each target, and AT_ONCE together.

    The next one waits for its turn, so that a slow machine gets a longer storm and not one long outage.
    """

    def __init__(
        self, cluster: LocalCluster, on_fault: Callable[[InjectedFault], None], proxies: TcpProxies | None = None
    ) -> None:
        self._cluster = cluster
        self._proxies = proxies or TcpProxies()
        self._on_fault = on_fault
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.injected: list[InjectedFault] = []

    def is_under_fault(self, target: str) -> bool:
        """Whether a fault of the target is under way."""
        lock = self._locks.get(target)
        return lock is not None and lock.locked()

    async def carry_out(self, faults: Sequence[Fault], began: float) -> None:
        """Inject every fault in its turn, not before its time; ends when all are repaired."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                await self._slots.acquire()
                group.create_task(self._inject(fault)).add_done_callback(lambda _: self._slots.release())

    async def _inject(self, fault: Fault) -> None:
        async with self._locks.setdefault(fault.target, asyncio.Lock()):
            injected = InjectedFault(fault, time.monotonic())
            self.injected.append(injected)
            self._on_fault(injected)
            try:
                await self._do(injected)
            except (
                BackendFailed,
                OSError,
                TimeoutError,
                KafkaError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
            ) as error:
                injected.problem = f"{type(error).__name__}: {' / '.join(str(error).splitlines())}"[:MOST_PROBLEMS]

    async def _do(self, injected: InjectedFault) -> None:
        fault = injected.fault
        match fault.kind:
            case FaultKind.KILL:
                await self._kill(injected)
            case FaultKind.FREEZE:
                await self._freeze(injected)
            case FaultKind.CUT:
                await self._cut(injected)
            case FaultKind.REPEAT:
                injected.count = await repeat(self._cluster.kafka_bootstrap, Random(fault.seed))  # noqa: S311
                return
            case FaultKind.SCALE:
                await self._scale(injected)
            case FaultKind.FILL:
                await network.fill(self._cluster.backends.postgres.admin_url, fault)
            case FaultKind.TEAR | FaultKind.SLOW | FaultKind.MUTE:
                injected.count = await ON_PROXIES[fault.kind](self._proxies, fault)
        await self._wait_until_back(injected)

    async def _kill(self, injected: InjectedFault) -> None:
        backend, target = self._backend(injected.fault.target), injected.fault.target
        if backend is None:
            process = self._cluster.instance(target).process
            await asyncio.to_thread(process.kill)
            await asyncio.sleep(injected.fault.lasts)
            await asyncio.to_thread(process.start)
        else:
            await asyncio.to_thread(backend.kill)
            await asyncio.sleep(injected.fault.lasts)
            await asyncio.to_thread(_start, backend)

    async def _freeze(self, injected: InjectedFault) -> None:
        backend = self._backend(injected.fault.target)
        freeze, thaw = (backend.freeze, backend.thaw) if backend else self._of_process(injected.fault.target)
        await asyncio.to_thread(freeze)
        try:
            await asyncio.sleep(injected.fault.lasts)
        finally:
            await asyncio.to_thread(thaw)

    def _of_process(self, service: str) -> tuple[Callable[[], None], Callable[[], None]]:
        process = self._cluster.instance(service).process
        return process.pause, process.resume

    async def _cut(self, injected: InjectedFault) -> None:
        """End every connection of a service to its database, from the database's side."""
        service = injected.fault.target
        role = self._cluster.database_url(service).split("://")[1].split(":")[0]
        connection = await asyncpg.connect(self._cluster.backends.postgres.admin_url, timeout=10)
        try:
            injected.count = await connection.fetchval(_CUT, role)
        finally:
            await connection.close()

    async def _scale(self, injected: InjectedFault) -> None:
        """Add a second copy of a service, and take it away again: its partitions move twice."""
        service = injected.fault.target
        try:
            await asyncio.to_thread(self._cluster.scale, service, 2)
            await asyncio.sleep(injected.fault.lasts)
        finally:
            await asyncio.to_thread(self._cluster.scale, service, 1)

    async def _wait_until_back(self, injected: InjectedFault) -> None:
        injected.repaired = time.monotonic()
        deadline = injected.repaired + BACK_S
        while time.monotonic() < deadline:
            if await asyncio.to_thread(self._is_back, injected.fault.target):
                injected.back = time.monotonic()
                return
            await asyncio.sleep(LOOK_S)
        injected.problem = f"not back after {BACK_S:g} s"

    def _is_back(self, target: str) -> bool:
        backend = self._backend(target)
        if backend:  # back for those who need it
            if not backend.answers():
                return False
            others = [one for one in self._cluster.services if not self.is_under_fault(one.service)]
            return all(one.trouble() is None for one in others)
        served = next((one for one in SERVICES if target in {one, database_proxy(one)}), None)
        if served is None:  # the proxy of all
            return all(one.trouble() is None for one in self._cluster.services if not self.is_under_fault(one.service))
        with suppress(KeyError):
            return self._cluster.instance(served).trouble() is None or self._away_for_another(served, target)
        return False

    def _away_for_another(self, service: str, target: str) -> bool:
        """Whether a service is away because of a fault of its own, where only its proxy had this one."""
        return service != target and self.is_under_fault(service)

    def _backend(self, target: str) -> OwnBackend | None:
        """The broker or the database, where the target is one of them."""
        backend = {BROKER: self._cluster.backends.kafka, DATABASE: self._cluster.backends.postgres}.get(target)
        return backend if isinstance(backend, OwnBackend) else None


def _start(backend: OwnBackend) -> None:
    """Start a server; to recover may take longer on a busy machine than one start is given."""
    try:
        backend.start()
    except BackendFailed:
        backend.start()


def owns_servers(cluster: LocalCluster) -> bool:
    """Whether broker and database are ours to kill."""
    return all(isinstance(backend, OwnBackend) for backend in (cluster.backends.kafka, cluster.backends.postgres))


async def repeat(bootstrap: str, random: Random) -> int:
    """Publish records again, as they are, that were handled some time ago: duplicates, and deliveries out of order.

    Returns how many. Dead letters and progress have no reader of ours.
    """
    unread = ("progress", "dead", "answers")
    topics = random.sample([topic for topic in ALL_TOPICS if not topic.name.endswith(unread)], 3)
    reader = consumer(bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        await reader.start()
        await producer.start()
        ends = await reader.end_offsets(await partitions(bootstrap, {topic.name for topic in topics}))
        records = await _some(reader, {partition: end for partition, end in ends.items() if end}, random)
        for record in records:
            await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
        return len(records)
    finally:
        await producer.stop()
        await reader.stop()


async def _some(reader: AIOKafkaConsumer, ends: dict[TopicPartition, int], random: Random) -> list[Record]:
    wanted = random.randint(*REPEATED)
    records: list[Record] = []
    for partition, end in ends.items():
        reader.assign([partition])
        reader.seek(partition, random.randrange(end))
        for read in (await reader.getmany(timeout_ms=1_000, max_records=wanted)).values():
            records += read
    return random.sample(records, min(wanted, len(records)))
