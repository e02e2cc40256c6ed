"""One storm: guests and faults at the same time, then quiet, then the audit."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from chaos.faults.injector import FaultInjector, InjectedFault, owns_servers
from chaos.faults.plan import Fault, FaultKind, plan
from chaos.faults.tcp_proxy import TcpProxies
from chaos.guests.front_desk import FrontDesk
from chaos.guests.gateway import Gateway, Heard
from chaos.guests.intentions import intentions
from chaos.guests.requests import Guest, guests
from chaos.monitor import Monitor
from posada.audit.auditor import Auditor, Report
from posada.audit.topic_snapshot import TopicReader
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES

# As in production, but for pauses that would make a storm last for hours.
TOKEN: Final = secrets.token_urlsafe(24)
SERVICE_SETTINGS: Final = {
    "booking": {"POSADA_API_TOKEN": TOKEN},
    "payments": {
        "POSADA_RETRY_ATTEMPTS": '{"bank_transfer": [4, 3], "card_link": [4, 3]}',
        "POSADA_RETRY_INTERVALS": "[4, 6]",
        "POSADA_HOLD_MARGIN_SECONDS": "60",
    },
}
QUIET_S: Final = 300.0
ZONE: Final = "America/El_Salvador"  # of the reference property
LOOK_S: Final = 1.0
_OPEN: Final = "SELECT count(*) FROM sagas WHERE phase <> 'ended'"
_KNOWN: Final = "SELECT id, request_id, status, check_in, check_out FROM bookings"


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of storm: its seed, so many bookings and faults over so many seconds, and how long quiet may take."""

    seed: int
    bookings: int
    seconds: float
    faults: int
    quiet_s: float = QUIET_S


@dataclass
class Storm:
    """What came of it. Times are seconds since it began; `quiet_at` is None where sagas were still open at the end."""

    wish: Wish
    faults: list[Fault]
    guests: list[Guest]
    proxied: bool = True  # whether there were proxies
    injected: list[InjectedFault] = field(default_factory=list)
    began: float = 0.0
    quiet_at: float | None = None
    left_open: int = 0
    lost: list[str] = field(default_factory=list)
    unanswered_guests: list[str] = field(default_factory=list)
    broken_promises: list[str] = field(default_factory=list)
    front_desk: FrontDesk | None = None
    without_outcome: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    confirmed_unpaid: list[str] = field(default_factory=list)
    report: Report | None = None
    gateway: Gateway | None = None
    monitor: Monitor | None = None

    @property
    def wrong(self) -> list[str]:
        """Everything that went wrong, as sentences; empty where the cluster stood the storm."""
        lists = (
            (self.lost, "requests were lost"),
            (self.without_outcome, "requests have no outcome"),
            (self.several, "requests have several outcomes"),
            (self.confirmed_unpaid, "were confirmed unpaid"),
            (self.unanswered_guests, "never had an answer at the front desk"),
            (self.broken_promises, "are not as the front desk said"),
        )
        findings = self.report.findings if self.report else ()
        return [
            *([f"{self.left_open} sagas never ended"] if self.left_open else []),
            *(f"{len(names)} {what}: {', '.join(names[:5])}" for names, what in lists if names),
            *(self.monitor.ended_alone if self.monitor else ()),
            *self._failed_faults(),
            *(f"{one.invariant} {one.subject}: {one.what}" for one in findings),
        ]

    def _failed_faults(self) -> Iterator[str]:
        for one in self.injected:
            if one.problem and not one.missed:
                yield f"{one.fault.kind} {one.fault.target}: {one.problem}"
        repeats = [one for one in self.injected if one.fault.kind is FaultKind.REPEAT]
        if len(repeats) > 1 and not any(one.count for one in repeats):  # one may have met a broker that was away
            yield "nothing was delivered again, although it was to be"


async def run(
    cluster: LocalCluster, wish: Wish, say: Callable[[str], None], proxies: TcpProxies | None = None
) -> Storm:
    """Run the storm over a running cluster, with these proxies if any, wait for quiet, and audit."""
    proxied = proxies is not None and bool(proxies.names)
    faults = plan(wish.seed, wish.seconds, wish.faults, servers=owns_servers(cluster), proxies=proxied)
    coming = guests(wish.seed, wish.bookings, wish.seconds, datetime.now(UTC).date())
    storm = Storm(wish, faults, coming, proxied)
    async with Gateway(cluster.kafka_bootstrap, cluster.secrets) as gateway:
        storm.gateway = gateway
        storm.front_desk = FrontDesk(cluster.http("booking"), TOKEN, gateway)
        injector = FaultInjector(cluster, lambda injected: say(f"{_progress(gateway)}  {injected.fault.text}"), proxies)
        monitor = storm.monitor = Monitor(cluster, lambda: len(gateway.heard), injector.is_under_fault)
        storm.began, storm.injected = time.monotonic(), injector.injected
        watching = [
            asyncio.create_task(monitor.watch(storm.began)),
            asyncio.create_task(storm.front_desk.serve(intentions(wish.seed, coming, today_at_the_property()))),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(gateway.serve(coming, storm.began))
                group.create_task(injector.carry_out(faults, storm.began))
            say(f"{_progress(gateway)}  the storm is over; waiting for quiet")
            await _quiet(cluster, storm, gateway)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        await _judge(cluster, storm, say)
    return storm


async def _quiet(cluster: LocalCluster, storm: Storm, gateway: Gateway) -> None:
    """Until every saga has ended and every outcome is heard, or time is up."""
    names = {guest.request_id for guest in storm.guests}
    deadline = time.monotonic() + storm.wish.quiet_s
    while time.monotonic() < deadline:
        storm.left_open = (await _rows(cluster, "booking", _OPEN))[0][0]
        served = storm.front_desk is None or not storm.front_desk.unanswered
        if not storm.left_open and served and names <= gateway.heard.keys():
            storm.quiet_at = time.monotonic() - storm.began
            return
        await asyncio.sleep(LOOK_S)


async def _judge(cluster: LocalCluster, storm: Storm, say: Callable[[str], None]) -> None:
    rows = await _rows(cluster, "booking", _KNOWN)
    judged(storm, {row["request_id"] for row in rows})
    if storm.front_desk:
        storm.unanswered_guests, storm.broken_promises = (
            storm.front_desk.unanswered,
            storm.front_desk.broken({row["id"]: dict(row) for row in rows}),
        )
    say("auditing")
    urls = {service: cluster.database_url(service) for service in SERVICES}
    async with TopicReader(cluster.kafka_bootstrap) as topics:
        storm.report = await Auditor(urls, topics, patience=timedelta(seconds=storm.wish.quiet_s)).audit()


def today_at_the_property() -> date:
    """The day by the reference property's clocks."""
    return datetime.now(ZoneInfo(ZONE)).date()


def judged(storm: Storm, known: set[str]) -> Storm:
    """The storm with what guests have to complain of; `known` are the requests that booking has."""
    heard = storm.gateway.heard if storm.gateway else {}
    names = [guest.request_id for guest in storm.guests]
    storm.lost = [name for name in names if name not in known]
    storm.without_outcome = [name for name in names if name not in heard]
    storm.several = [name for name, outcome in heard.items() if len(outcome.ids) > 1]
    storm.confirmed_unpaid = [
        guest.request_id for guest in storm.guests if _wrongly(guest, heard.get(guest.request_id))
    ]
    return storm


def _wrongly(guest: Guest, heard: Heard | None) -> bool:
    return heard is not None and heard.kind == "confirmed" and not guest.kind.may_be_confirmed


async def _rows(cluster: LocalCluster, service: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(cluster.database_url(service))
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def _progress(gateway: Gateway) -> str:
    return f"{gateway.sent:6} sent {len(gateway.heard):6} decided"
