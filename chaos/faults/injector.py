"""The tormentor: carries a plan out against a town, mends what it struck, and notes how long each took to come back."""

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
from chaos.faults.plan import BROKER, DATABASE, Fault, What, database_line
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
HANDS: Final = 2
MOST_PROBLEMS: Final = 800
REPEATED: Final = (20, 120)  # records that one blow publishes again
_CUT: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid()"
)


ON_LINES: Final = {What.TEAR: network.tear, What.SLOW: network.slow, What.MUTE: network.mute}


@dataclass(slots=True)
class Struck:
    """A blow that fell. Times are monotonic seconds: `back` is when the target was ready again, None if never."""

    blow: Fault
    at: float
    mended: float | None = None
    back: float | None = None
    count: int = 0
    problem: str = ""

    @property
    def missed(self) -> bool:
        """Whether it fell into the void: what was away already can neither be cut nor given anything again."""
        return self.blow.what in {What.CUT, What.REPEAT} and self.mended is None


class FaultInjector:
    """Strikes a town: each target with one blow at a time, and so many targets at once.

    The next blow waits for a hand to be free, so that a slow machine gets a longer storm and not one long outage.
    """

    def __init__(self, town: LocalCluster, on_blow: Callable[[Struck], None], lines: TcpProxies | None = None) -> None:
        self._town = town
        self._lines = lines or TcpProxies()
        self._on_blow = on_blow
        self._locks: dict[str, asyncio.Lock] = {}
        self._hands = asyncio.Semaphore(HANDS)
        self.struck: list[Struck] = []

    def is_struck(self, target: str) -> bool:
        """Whether a blow at the target is under way."""
        lock = self._locks.get(target)
        return lock is not None and lock.locked()

    async def carry_out(self, blows: Sequence[Fault], began: float) -> None:
        """Strike every blow in its turn, not before its time; ends when all are mended."""
        async with asyncio.TaskGroup() as group:
            for blow in blows:
                await asyncio.sleep(max(0.0, began + blow.at - time.monotonic()))
                await self._hands.acquire()
                group.create_task(self._strike(blow)).add_done_callback(lambda _: self._hands.release())

    async def _strike(self, blow: Fault) -> None:
        async with self._locks.setdefault(blow.target, asyncio.Lock()):
            struck = Struck(blow, time.monotonic())
            self.struck.append(struck)
            self._on_blow(struck)
            try:
                await self._do(struck)
            except (
                BackendFailed,
                OSError,
                TimeoutError,
                KafkaError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
            ) as error:
                struck.problem = f"{type(error).__name__}: {' / '.join(str(error).splitlines())}"[:MOST_PROBLEMS]

    async def _do(self, struck: Struck) -> None:
        blow = struck.blow
        match blow.what:
            case What.KILL:
                await self._kill(struck)
            case What.FREEZE:
                await self._freeze(struck)
            case What.CUT:
                await self._cut(struck)
            case What.REPEAT:
                struck.count = await repeat(self._town.kafka_bootstrap, Random(blow.seed))  # noqa: S311
                return
            case What.SCALE:
                await self._scale(struck)
            case What.FILL:
                await network.fill(self._town.parts.postgres.admin_url, blow)
            case What.TEAR | What.SLOW | What.MUTE:
                struck.count = await ON_LINES[blow.what](self._lines, blow)
        await self._wait_until_back(struck)

    async def _kill(self, struck: Struck) -> None:
        part, target = self._part(struck.blow.target), struck.blow.target
        if part is None:
            process = self._town.instance(target).process
            await asyncio.to_thread(process.kill)
            await asyncio.sleep(struck.blow.lasts)
            await asyncio.to_thread(process.start)
        else:
            await asyncio.to_thread(part.kill)
            await asyncio.sleep(struck.blow.lasts)
            await asyncio.to_thread(_start, part)

    async def _freeze(self, struck: Struck) -> None:
        part = self._part(struck.blow.target)
        freeze, thaw = (part.freeze, part.thaw) if part else self._of_process(struck.blow.target)
        await asyncio.to_thread(freeze)
        try:
            await asyncio.sleep(struck.blow.lasts)
        finally:
            await asyncio.to_thread(thaw)

    def _of_process(self, service: str) -> tuple[Callable[[], None], Callable[[], None]]:
        process = self._town.instance(service).process
        return process.pause, process.resume

    async def _cut(self, struck: Struck) -> None:
        """End every connection of a service to its database, from the database's side."""
        service = struck.blow.target
        role = self._town.database_url(service).split("://")[1].split(":")[0]
        connection = await asyncpg.connect(self._town.parts.postgres.admin_url, timeout=10)
        try:
            struck.count = await connection.fetchval(_CUT, role)
        finally:
            await connection.close()

    async def _scale(self, struck: Struck) -> None:
        """Add a second copy of a service, and take it away again: its partitions move twice."""
        service = struck.blow.target
        try:
            await asyncio.to_thread(self._town.scale, service, 2)
            await asyncio.sleep(struck.blow.lasts)
        finally:
            await asyncio.to_thread(self._town.scale, service, 1)

    async def _wait_until_back(self, struck: Struck) -> None:
        struck.mended = time.monotonic()
        deadline = struck.mended + BACK_S
        while time.monotonic() < deadline:
            if await asyncio.to_thread(self._is_back, struck.blow.target):
                struck.back = time.monotonic()
                return
            await asyncio.sleep(LOOK_S)
        struck.problem = f"not back after {BACK_S:g} s"

    def _is_back(self, target: str) -> bool:
        part = self._part(target)
        if part:  # back for those who need it
            if not part.answers():
                return False
            others = [one for one in self._town.services if not self.is_struck(one.service)]
            return all(one.trouble() is None for one in others)
        served = next((one for one in SERVICES if target in {one, database_line(one)}), None)
        if served is None:  # the line of all
            return all(one.trouble() is None for one in self._town.services if not self.is_struck(one.service))
        with suppress(KeyError):
            return self._town.instance(served).trouble() is None or self._away_for_another(served, target)
        return False

    def _away_for_another(self, service: str, target: str) -> bool:
        """Whether a service is away for a blow of its own, where only its line was struck."""
        return service != target and self.is_struck(service)

    def _part(self, target: str) -> OwnBackend | None:
        """The broker or the database, where the target is one of them."""
        part = {BROKER: self._town.parts.kafka, DATABASE: self._town.parts.postgres}.get(target)
        return part if isinstance(part, OwnBackend) else None


def _start(part: OwnBackend) -> None:
    """Start a server; to recover may take longer on a busy machine than one start is given."""
    try:
        part.start()
    except BackendFailed:
        part.start()


def can_strike_servers(town: LocalCluster) -> bool:
    """Whether broker and database are ours to kill."""
    return all(isinstance(part, OwnBackend) for part in (town.parts.kafka, town.parts.postgres))


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
