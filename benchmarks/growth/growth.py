"""How Posada grows: with 1, 2 and 4 partitions and instances, and with 10,000 to 1,000,000 bookings in the databases.

Prints one JSON object on standard output and tables on standard error; without `--short` it writes its tables into
docs/scale.md and draws docs/growth.svg.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop
from rich.console import Console

from benchmarks import documents
from benchmarks.bookings import properties, spending
from benchmarks.bookings.cluster import measured_cluster
from benchmarks.bookings.load import Load
from benchmarks.growth import report, sizing
from benchmarks.growth.filling import PROPERTIES, Fill, administered
from benchmarks.rivals.plan import Level
from benchmarks.rivals.run.posada import OWN_BACKENDS, settle
from posada.cluster.cluster import LocalCluster
from shared.contracts import topics
from shared.contracts.topics import SERVICES

LOADED_PROPERTIES: Final = 40
INSTANCES: Final = (1, 2, 4)
PARTITIONS: Final = (1, 2, 4)  # each with as many instances
BOOKINGS: Final = (10_000, 100_000, 1_000_000)
SHORT_BOOKINGS: Final = (2000, 5000, 20_000)
# Clients, seconds, and the most requests that a measurement may make: a warm-up, one client, many.
FULL: Final = ((64, 8.0, 8000), (1, 6.0, 2000), (64, 15.0, 16_000))
SHORT: Final = ((64, 3.0, 1500), (1, 1.5, 300), (64, 3.0, 2000))
# With indexes, what is remembered of messages, and the write-ahead log.
BYTES_A_BOOKING: Final = 20_000
SPARE_BYTES: Final = 3_000_000_000
DOCUMENT: Final = Path("docs/scale.md")
CHART: Final = Path("docs/growth.svg")

# A property has as many rooms of a type as the one that the booking is in.
ROOMS_OF_THE_TYPE: Final = """
    SELECT array_agg(r.number ORDER BY r.number) FROM rooms r
    WHERE (r.property_id, r.type_key) = (
        SELECT booked.property_id, booked.type_key FROM holds h
        JOIN rooms booked ON booked.property_id = h.property_id AND booked.number = h.rooms[1]
        WHERE h.booking_id = $1)"""

stderr = Console(stderr=True)


def main() -> None:
    """Start everything, measure, fill, measure again; print, and write the document."""
    # Asked to end, we end what we have started first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parser = argparse.ArgumentParser(prog="benchmarks.growth.growth", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small numbers, to see that everything works")
    parser.add_argument("--bookings", type=_sizes, help="sizes to fill up to, such as 10000,100000; writes no document")
    asked = parser.parse_args()
    sizes = asked.bookings or (SHORT_BOOKINGS if asked.short else BOOKINGS)
    with tempfile.TemporaryDirectory(prefix="posada-growth-", ignore_cleanup_errors=True) as folder:
        _check_disk_space(Path(folder), sizes[-1])
        plan = SHORT if asked.short else FULL
        by_partitions = [_partitioned(Path(folder, f"width-{number}"), number, plan) for number in PARTITIONS]
        with measured_cluster(Path(folder), environ=OWN_BACKENDS, on_progress=_say) as cluster:
            results = uvloop.run(Growth(cluster, sizes, plan).run()) | {"by_partitions": by_partitions}
    for table in report.for_people(results):
        stderr.print(table)
    sys.stdout.write(json.dumps(results) + "\n")
    if not (asked.short or asked.bookings):
        documents.put(DOCUMENT, "growth", report.for_documents(results, CHART.name))
        documents.put(DOCUMENT, "sizing", sizing.in_words(results, topics.BOOKING_REQUESTS.partitions))
        report.draw(results, CHART)


def _partitioned(folder: Path, number: int, plan: Sequence[Level]) -> dict[str, Any]:
    """One measurement of a new cluster, with so many partitions of each work topic and copies of each service."""
    wide = [topic.for_instances(number) for topic in topics.ALL_TOPICS]
    scale = dict.fromkeys(SERVICES, number)
    with measured_cluster(folder, environ=OWN_BACKENDS, on_progress=_say, topics=wide, scale=scale) as cluster:
        return uvloop.run(Growth(cluster, (), plan).width(number)) | {"partitions": number}


def _sizes(text: str) -> tuple[int, ...]:
    """Numbers of bookings, each larger than the one before; raises ArgumentTypeError for anything else."""
    try:
        sizes = tuple(int(one) for one in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or any(later <= sooner for sooner, later in pairwise((0, *sizes))):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of growing numbers, such as 10000,100000")
    return sizes


def _check_disk_space(folder: Path, bookings: int) -> None:
    needed, free = SPARE_BYTES + bookings * BYTES_A_BOOKING, shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{bookings:,} bookings take {needed / 1e9:.0f} GB, and {folder.parent} has {free / 1e9:.0f} GB left: "
            "name another folder in TMPDIR, or fewer in --bookings"
        )


class Growth:
    """One cluster that is filled and scaled, and measured in between."""

    def __init__(self, cluster: LocalCluster, sizes: Sequence[int], plan: Sequence[Level]) -> None:
        self._cluster = cluster
        self._urls = {service: cluster.database_url(service) for service in SERVICES}
        self._load = Load(
            LOADED_PROPERTIES,
            bootstrap=cluster.kafka_bootstrap,
            payments_url=self._urls["payments"],
            secrets=cluster.secrets,
        )
        self._sizes = sizes
        self._plan = plan
        self._filled = 0

    async def run(self) -> dict[str, Any]:
        """Everything, as figures."""
        await properties.plant(self._urls["availability"], self._urls["booking"], LOADED_PROPERTIES + PROPERTIES)
        await self._load.start()
        empty = await spending.sizes(self._urls)
        # Cold services and a cold broker would flatter whatever comes later; and it is these bookings that are copied.
        await self._point(1, 0)
        fill = await self._fill()
        by_size, by_instances = [], []
        for size in self._sizes:
            filled = time.monotonic()
            await fill.add(self._filled, size - 1, _say)
            self._filled = size
            _say(f"filled in {time.monotonic() - filled:.0f} s")
            by_size.append(await self._point(1, size))
            if size == self._sizes[0]:
                by_instances = [by_size[0], *[await self._scaled(number, size) for number in INSTANCES[1:]]]
                await self._scale(1)
        full = await spending.sizes(self._urls)
        await self._load.stop()
        # What the load itself has booked is in there too.
        booked = self._sizes[-1] + await self._booked()
        return {
            "machine": documents.machine(),
            "by_bookings": by_size,
            "by_instances": by_instances,
            "bytes_a_booking": {name: round((full[name] - empty[name]) / booked) for name in full},
        }

    async def width(self, instances: int) -> dict[str, Any]:
        """One measurement of the cluster as it was started."""
        await properties.plant(self._urls["availability"], self._urls["booking"], LOADED_PROPERTIES)
        await self._load.start()
        point = await self._point(instances, 0)
        await self._load.stop()
        return point

    async def _scaled(self, instances: int, size: int) -> dict[str, Any]:
        await self._scale(instances)
        return await self._point(instances, size)

    async def _scale(self, instances: int) -> None:
        for service in SERVICES:
            self._cluster.scale(service, instances)

    async def _point(self, instances: int, size: int) -> dict[str, Any]:
        """One measurement: rate and times, and processor milliseconds by part for each booking."""
        _say(f"measuring {instances} of each service, with {size:,} bookings in the databases")
        warm_up, single, many = self._plan
        await self._load.pay(sum(most for _, _, most in self._plan))
        await self._load.measure(*warm_up)
        await settle(self._urls)
        scanned = await spending.rows_scanned(self._urls, size // 2)
        spent = [spending.processor_seconds(self._cluster)]
        alone = await self._load.level(*single)
        await settle(self._urls)
        spent.append(spending.processor_seconds(self._cluster))
        crowd = await self._load.level(*many)
        scanned = spending.difference(scanned, await spending.rows_scanned(self._urls, size // 2))
        settled = await settle(self._urls)
        spent.append(spending.processor_seconds(self._cluster))
        if self._load.refused:
            raise SystemExit(f"{self._load.refused} requests were not confirmed: the figures would mean nothing")
        bookings = alone["sagas"] + crowd["sagas"]
        return {
            "bookings": size,
            "instances": instances,
            "alone": alone,
            "crowd": crowd,
            "settled_s": round(settled, 1),
            "cpu_ms_alone": _milliseconds(spent[0], spent[1], alone["sagas"]),
            "cpu_ms_a_booking": _milliseconds(spent[1], spent[2], crowd["sagas"]),
            "rows_scanned_a_booking": {
                table: round(rows / bookings, 1) for table, rows in scanned.items() if rows / bookings >= 1
            },
        }

    async def _fill(self) -> Fill:
        postgres = self._cluster.backends.postgres
        booking_id = await value(self._urls["booking"], "SELECT id FROM sagas WHERE phase = 'ended' LIMIT 1")
        booked = await self._booked()
        messages = {service: await value(url, "SELECT count(*) FROM inbox") for service, url in self._urls.items()}
        # More money has arrived than was asked for: a copy brings one payment.
        messages["payments"] -= await value(self._urls["payments"], "SELECT count(*) FROM payments") - booked
        rooms = await value(self._urls["availability"], ROOMS_OF_THE_TYPE, booking_id)
        return Fill(
            admin_urls={service: administered(postgres.admin_url, url) for service, url in self._urls.items()},
            booking_id=booking_id,
            messages={service: round(number / booked) for service, number in messages.items()},
            rooms=rooms,
            first_property=LOADED_PROPERTIES,
        )

    async def _booked(self) -> int:
        query = "SELECT count(*) FROM bookings WHERE request_id LIKE 'bench-%'"
        return int(await value(self._urls["booking"], query))


def _milliseconds(before: Mapping[str, float], after: Mapping[str, float], bookings: int) -> dict[str, float]:
    return {part: round(s * 1000 / bookings, 3) for part, s in spending.difference(before, after).items()}


async def value(url: str, query: str, *parameters: Any) -> Any:
    """The one value that a query gives."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query, *parameters)
    finally:
        await connection.close()


def _say(what: str) -> None:
    stderr.print(f"[dim]{what}[/]")


if __name__ == "__main__":
    main()
