"""One storm: guests and blows at the same time, then quiet, then the audit."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from chaos.faults.injector import FaultInjector, Struck, can_strike_servers
from chaos.faults.plan import Fault, What, plan
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

# What services are told: as in production, but for pauses that would make a storm last for hours.
TOKEN: Final = secrets.token_urlsafe(24)
TOLD_EACH: Final = {
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
    """What kind of storm: its seed, so many bookings and blows over so many seconds, and how long quiet may take."""

    seed: int
    bookings: int
    seconds: float
    blows: int
    quiet_s: float = QUIET_S


@dataclass
class Storm:
    """What came of it. Times are seconds since it began; `quiet_at` is None where sagas were still open at the end."""

    wish: Wish
    blows: list[Fault]
    guests: list[Guest]
    lined: bool = True  # whether there were lines to strike
    struck: list[Struck] = field(default_factory=list)
    began: float = 0.0
    quiet_at: float | None = None
    left_open: int = 0
    lost: list[str] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    desk: FrontDesk | None = None
    unheard: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    wrongly: list[str] = field(default_factory=list)
    report: Report | None = None
    gateway: Gateway | None = None
    monitor: Monitor | None = None

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be, in words; empty where the cluster stood the storm."""
        said = [
            f"{self.left_open} sagas never ended" * bool(self.left_open),
            f"{len(self.lost)} requests were lost: {', '.join(self.lost[:5])}" * bool(self.lost),
            f"{len(self.unheard)} requests have no outcome: {', '.join(self.unheard[:5])}" * bool(self.unheard),
            f"{len(self.several)} requests have several outcomes: {', '.join(self.several[:5])}" * bool(self.several),
            f"{len(self.wrongly)} were confirmed unpaid: {', '.join(self.wrongly[:5])}" * bool(self.wrongly),
        ]
        said += [
            f"{len(self.unserved)} never had an answer at the desk: {', '.join(self.unserved[:5])}"
            * bool(self.unserved),
            f"{len(self.otherwise)} are not as the desk said: {', '.join(self.otherwise[:5])}" * bool(self.otherwise),
        ]
        alone = self.monitor.ended_alone if self.monitor else []
        never = [
            f"{one.blow.what} {one.blow.target}: {one.problem}" for one in self.struck if one.problem and not one.missed
        ]
        repeats = [one for one in self.struck if one.blow.what is What.REPEAT]
        if len(repeats) > 1 and not any(one.count for one in repeats):  # one may have met a broker that was away
            never.append("nothing was delivered again, although it was to be")
        found = [f"{one.invariant} {one.subject}: {one.what}" for one in self.report.findings] if self.report else []
        return [one for one in [*said, *alone, *never, *found] if one]


async def raised(
    cluster: LocalCluster, wish: Wish, say: Callable[[str], None], lines: TcpProxies | None = None
) -> Storm:
    """Let the storm pass over a cluster that runs, over these lines if any, wait for quiet, and audit."""
    lined = lines is not None and bool(lines.names)
    blows = plan(wish.seed, wish.seconds, wish.blows, servers=can_strike_servers(cluster), lines=lined)
    coming = guests(wish.seed, wish.bookings, wish.seconds, datetime.now(UTC).date())
    storm = Storm(wish, blows, coming, lined)
    async with Gateway(cluster.kafka_bootstrap, cluster.secrets) as gateway:
        storm.gateway = gateway
        storm.desk = FrontDesk(cluster.http("booking"), TOKEN, gateway)
        tormentor = FaultInjector(cluster, lambda struck: say(f"{_progress(gateway)}  {struck.blow.told}"), lines)
        monitor = storm.monitor = Monitor(cluster, lambda: len(gateway.heard), tormentor.is_struck)
        storm.began, storm.struck = time.monotonic(), tormentor.struck
        watching = [
            asyncio.create_task(monitor.watch(storm.began)),
            asyncio.create_task(storm.desk.serve(intentions(wish.seed, coming, today_at_the_property()))),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(gateway.serve(coming, storm.began))
                group.create_task(tormentor.carry_out(blows, storm.began))
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
        served = storm.desk is None or not storm.desk.unanswered
        if not storm.left_open and served and names <= gateway.heard.keys():
            storm.quiet_at = time.monotonic() - storm.began
            return
        await asyncio.sleep(LOOK_S)


async def _judge(cluster: LocalCluster, storm: Storm, say: Callable[[str], None]) -> None:
    rows = await _rows(cluster, "booking", _KNOWN)
    judged(storm, {row["request_id"] for row in rows})
    if storm.desk:
        storm.unserved, storm.otherwise = (
            storm.desk.unanswered,
            storm.desk.broken({row["id"]: dict(row) for row in rows}),
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
    storm.unheard = [name for name in names if name not in heard]
    storm.several = [name for name, outcome in heard.items() if len(outcome.ids) > 1]
    storm.wrongly = [guest.request_id for guest in storm.guests if _wrongly(guest, heard.get(guest.request_id))]
    return storm


def _wrongly(guest: Guest, heard: Heard | None) -> bool:
    return heard is not None and heard.kind == "confirmed" and not guest.manner.may_be_confirmed


async def _rows(cluster: LocalCluster, service: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(cluster.database_url(service))
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def _progress(gateway: Gateway) -> str:
    return f"{gateway.sent:6} sent {len(gateway.heard):6} decided"
