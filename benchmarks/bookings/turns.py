"""Processor time of bookings by service and of PostgreSQL, without Kafka: what a change of code costs or saves.

The five services run in one process, and 64 bookings go through them at once: each batch is one turn of a service.
Nothing waits and nothing runs beside it, so the figures differ little between runs, also on a busy machine.

`--against CHECKOUT` compares with another checkout of Posada: rounds alternate between both, and the medians are shown.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bookings import properties
from benchmarks.bookings.load import Clients
from benchmarks.bookings.spending import seconds_of
from benchmarks.services.consumer import Nowhere, record_of, record_of_row
from deploy.local.choice import choose_backends
from deploy.local.databases import PostgresBackend
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.contracts.booking import BookingConfirmed, BookingRequested
from shared.contracts.payments import TransferArrived
from shared.contracts.topics import SERVICES
from shared.database.migrations import upgrade
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row
from shared.service import GARBAGE, Service

AT_ONCE: Final = 64
WARM_UP: Final = 4  # batches of bookings
BATCHES: Final = 12
ROUNDS: Final = 5
PROPERTIES: Final = 20
POSTGRES: Final = "postgres"
TOGETHER: Final = "together"

stderr = Console(stderr=True)
Figures = dict[str, float]


class Requests(Clients):
    """Makes the requests of the load, and none itself."""

    async def book(self, number: int) -> float:
        """Nobody waits here."""
        raise NotImplementedError

    def message(self, number: int) -> BookingRequested:
        """The request of this number."""
        return BookingRequested.model_validate(self.request(number))

    def transfer(self, number: int) -> TransferArrived:
        """The money for it."""
        return TransferArrived(
            transfer_id=f"bench-{number}",
            source="bench",
            method="card_link",
            amount="690.00",
            posted_on=date.today(),  # noqa: DTZ011 — the posting date of a feed has no zone
            authorization_number=f"A{number}",
        )


class Instance:
    """One service, whose consumer is called directly."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.topics = {topic.name for topic in service.routes.topics}
        self.spent = 0.0
        self._transport = Nowhere()
        self._publisher = OutboxPublisher(self._transport, service.database)
        self._processor = Processor(service.routes, service.database, self._publisher)

    async def process(self, records: Sequence[Any]) -> list[Row]:
        """Process records as one batch; returns what is sent because of them."""
        began = time.process_time()
        for batch in self._processor.decode(records):
            await self._processor.process_batch(batch)
        await self._publisher.stop()  # it removes what has arrived, and can go on
        self.spent += time.process_time() - began
        rows, self._transport.rows = self._transport.rows, []
        return rows


class Turns:
    """Takes messages through all services, batch by batch, until nothing follows."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.instances = [Instance(service) for service in services]
        self.sent: defaultdict[bytes, int] = defaultdict(int)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Process messages from outside, and all that follows."""
        waiting = deque(
            (one, records)
            for one in self.instances
            if (records := [record_of(message) for message in messages if message.topic.name in one.topics])
        )
        while waiting:
            instance, records = waiting.popleft()
            rows = await instance.process(records)
            for row in rows:
                self.sent[dict(row.headers)["ce_type"]] += 1
            for one in self.instances:
                if mine := [record_of_row(row) for row in rows if row.topic in one.topics]:
                    waiting.append((one, mine))


def main() -> None:
    """Measure this checkout, or compare it with another one."""
    parser = argparse.ArgumentParser(prog="benchmarks.bookings.turns", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, with an environment of its own")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--once", action="store_true", help="one round, as JSON alone")
    given = parser.parse_args()
    if given.once:
        sys.stdout.write(json.dumps(_measured()) + "\n")
        return
    checkouts = {"this": Path.cwd(), **({"other": given.against.resolve()} if given.against else {})}
    rounds: dict[str, list[Figures]] = {name: [] for name in checkouts}
    for number in range(given.rounds):
        for name, checkout in checkouts.items():
            stderr.print(f"[dim]round {number + 1} of {given.rounds}, {name}[/]")
            rounds[name].append(_round_in(checkout))
    medians = {name: _medians(found) for name, found in rounds.items()}
    stderr.print(_table(medians))
    sys.stdout.write(json.dumps(medians) + "\n")


def _round_in(checkout: Path) -> Figures:
    command = [str(checkout / ".venv/bin/python"), "-m", "benchmarks.bookings.turns", "--once"]
    done = subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.PIPE)
    found: Figures = json.loads(done.stdout)
    return found


def _measured() -> Figures:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with (
        tempfile.TemporaryDirectory(prefix="posada-turns-") as folder,
        choose_backends(Path(folder), os.environ).postgres as server,
    ):
        return uvloop.run(_measure(server, _databases(server)))


def _databases(server: PostgresBackend) -> dict[str, str]:
    server.create_databases(SERVICES)
    urls = {service: server.owner_dsn(service) for service in SERVICES}
    for service, url in urls.items():
        upgrade(service, url)
    return urls


async def _measure(server: PostgresBackend, urls: dict[str, str]) -> Figures:
    for planted in ("availability", "booking"):
        await _plant_reference(planted, urls[planted])
    await properties.plant(urls["availability"], urls["booking"], PROPERTIES)
    services = [_service(name, url) for name, url in urls.items()]
    for service in services:
        await service.database.open()
    turns, requests = Turns(services), Requests(PROPERTIES)
    for number in range(WARM_UP + BATCHES):
        await turns.publish([requests.transfer(n) for n in _numbers(number)])
    for number in range(WARM_UP):
        await turns.publish([requests.message(n) for n in _numbers(number)])
    _spare_the_collector()
    before = _spent(server, turns)
    for number in range(WARM_UP, WARM_UP + BATCHES):
        await turns.publish([requests.message(n) for n in _numbers(number)])
    after = _spent(server, turns)
    confirmed = turns.sent[BookingConfirmed.type_name.encode()]
    if confirmed != (WARM_UP + BATCHES) * AT_ONCE:
        raise SystemExit(f"only {confirmed} requests were confirmed: the figures would mean nothing")
    for service in services:
        await service.database.close()
    figures = {part: 1000 * (after[part] - before[part]) / (BATCHES * AT_ONCE) for part in after}
    return figures | {TOGETHER: sum(figures.values())}


async def _plant_reference(service: str, url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await importlib.import_module(f"services.{service}.seed").plant(connection)
    finally:
        await connection.close()


def _service(name: str, url: str) -> Service:
    settings = importlib.import_module(f"services.{name}.settings").Settings(database_url=url)
    service: Service = importlib.import_module(f"services.{name}.app").build(settings, system_clock)
    return service


def _spare_the_collector() -> None:
    """As a started service does; whose turn the collector interrupts is chance, and would be counted as its own."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _numbers(batch: int) -> range:
    return range(batch * AT_ONCE, (batch + 1) * AT_ONCE)


def _spent(server: PostgresBackend, turns: Turns) -> Figures:
    process = getattr(server, "process", None)  # only one of our own
    database = {POSTGRES: seconds_of(process.pid)} if process is not None else {}
    return {one.service.name: one.spent for one in turns.instances} | database


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {part: round(statistics.median(one[part] for one in rounds), 3) for part in rounds[0]}


def _table(medians: dict[str, Figures]) -> Table:
    table = Table(title="Processor milliseconds of a booking, the median of all rounds")
    table.add_column("part")
    for name in medians:
        table.add_column(name, justify="right")
    if len(medians) > 1:
        table.add_column("this to other", justify="right")
    for part in medians["this"]:
        values = [figures[part] for figures in medians.values()]
        change = [f"{values[0] / values[1] - 1:+.1%}"] if len(values) > 1 else []
        table.add_row(part, *[f"{value:.3f}" for value in values], *change)
    return table


if __name__ == "__main__":
    main()
