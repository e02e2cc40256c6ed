"""What one booking costs each service: messages, statements, round trips, rows, and bytes of both kinds of logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import astuple, dataclass, fields
from functools import partial
from typing import Any, Self

import orjson
import structlog

from shared.messages.message import Message
from shared.observability.logs import add_subject
from shared.outbox.row import Row
from tests.support.sagas.in_memory_cluster import InMemoryCluster, cluster_of
from tests.support.servers.counted_line import CountedLine

# Counted of the one connection that a service has here; PostgreSQL tells others only now and then.
_FLUSH = "SELECT pg_stat_force_next_flush()"
_ROWS = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables"
_WAL = "SELECT wal_bytes::bigint FROM pg_stat_get_backend_wal(pg_backend_pid())"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one service did. `wal_bytes` are those of PostgreSQL's write-ahead log, `log_bytes` those of log lines."""

    handled: int = 0
    sent: int = 0
    statements: int = 0
    round_trips: int = 0
    rows: int = 0
    wal_bytes: int = 0
    log_bytes: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Self) -> Self:
        return type(self)(*(one - another for one, another in zip(astuple(self), astuple(other), strict=True)))

    def least(self, other: Self) -> Self:
        """The lower of each figure."""
        return type(self)(*map(min, astuple(self), astuple(other)))

    def items(self) -> list[tuple[str, int]]:
        """Each figure with its name."""
        return [(one.name, getattr(self, one.name)) for one in fields(self)]


Costs = Mapping[str, Cost]


class Meter:
    """Measures the services of a cluster in memory; each has one connection to its database, through a counted line."""

    def __init__(self, cluster: InMemoryCluster, lines: Mapping[str, CountedLine]) -> None:
        self.cluster = cluster
        self._lines = lines
        self._handled: Counter[str] = Counter()
        self._logged: Counter[str] = Counter()
        self._at_work = ""
        for name, running in cluster.services.items():
            running.process = partial(self._process, name, running.process)  # type: ignore[method-assign]

    async def cost(self, *messages: Message) -> Costs:
        """What each service does because of these messages, until nothing more follows at this time."""
        idle = await self._measured()
        busy = await self._measured(*messages)
        return {name: cost - idle[name] for name, cost in busy.items()}

    async def _measured(self, *messages: Message) -> Costs:
        asked, counted = await self._asked(), self._counted()
        with self._counted_logs():
            await self.cluster.publish(*messages)
            await self.cluster.run(until=self.cluster.clock())
        counts, answers = self._counted(), await self._asked()
        return {name: counts[name] - counted[name] + answers[name] - asked[name] for name in self._lines}

    def _counted(self) -> Costs:
        """What was counted here so far."""
        sent = Counter(source_of(row) for row in self.cluster.log)
        return {
            name: Cost(
                handled=self._handled[name],
                sent=sent[name],
                statements=line.counts.statements,
                round_trips=line.counts.round_trips,
                log_bytes=self._logged[name],
            )
            for name, line in self._lines.items()
        }

    async def _asked(self) -> Costs:
        """What the databases have counted so far."""
        found: dict[str, Cost] = {}
        for name, line in self._lines.items():
            async with self.cluster.services[name].database.connection() as connection:
                await connection.execute(_FLUSH)
                rows, wal_bytes = await connection.fetchval(_ROWS), await connection.fetchval(_WAL)
            assert line.counts.connections == 1, f"{name} has several connections: not all is counted"
            found[name] = Cost(rows=rows, wal_bytes=wal_bytes)
        return found

    async def _process(self, name: str, process: Callable[[Any], Awaitable[None]], records: list[Any]) -> None:
        self._at_work = name
        self._handled[name] += len(records)
        await process(records)

    @contextmanager
    def _counted_logs(self) -> Iterator[None]:
        """Count the bytes of log lines as they would stand in a service's file."""
        before = structlog.get_config()
        structlog.configure(
            processors=[
                add_subject,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                self._count,
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
        )
        try:
            yield
        finally:
            structlog.configure(**before)

    def _count(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line = orjson.dumps({**event, "service": self._at_work}, default=str)
        self._logged[self._at_work] += len(line) + 1
        raise structlog.DropEvent


def source_of(row: Row) -> str:
    """The service that sent a row; another name for what came from outside."""
    return dict(row.headers)["ce_source"].decode().removeprefix("posada/")


@asynccontextmanager
async def meter_of(urls: Mapping[str, str]) -> AsyncIterator[Meter]:
    """A meter over services on these databases, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        lines = {name: CountedLine(url) for name, url in urls.items()}
        for line in lines.values():
            await line.mend()
            stack.push_async_callback(line.cut)
        cluster = await stack.enter_async_context(cluster_of({name: line.url for name, line in lines.items()}))
        yield Meter(cluster, lines)
