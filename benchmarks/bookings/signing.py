"""What it costs to sign a record of ours and to check it, and what share of a booking's processor time that is.

`python -m benchmarks.bookings.signing` prints Markdown. It runs bookings through a cluster of its own, takes records
that were left on the topics, and signs and checks these again and again: their sizes are the real ones.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord
from rich.console import Console

from benchmarks.bookings import properties, spending
from benchmarks.bookings.cluster import measured_cluster
from benchmarks.bookings.load import Load
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import ALL_TOPICS, SERVICES
from shared.kafka.consumers import consumer
from shared.kafka.topic_admin import partitions
from shared.messages.record_auth import Seal, is_sealed

PROPERTIES = 20
WARM_UP = (64, 15.0, 4000)
MEASURED = (64, 15.0, 8000)
ROUNDS = 7
SETTLE_SECONDS = 2.0

stderr = Console(stderr=True)
Record: TypeAlias = "ConsumerRecord[Any, Any]"


def main() -> None:
    """Start everything, book, and print what of a booking's processor time is signing."""
    with (
        tempfile.TemporaryDirectory(prefix="posada-signing-") as folder,
        measured_cluster(Path(folder), on_progress=lambda text: stderr.print(f"[dim]{text}[/]")) as cluster,
    ):
        markdown = asyncio.run(_measure(cluster))
    sys.stdout.write(markdown + "\n")


async def _measure(cluster: LocalCluster) -> str:
    await properties.plant(cluster.database_url("availability"), cluster.database_url("booking"), PROPERTIES)
    load = Load(
        PROPERTIES,
        bootstrap=cluster.kafka_bootstrap,
        payments_url=cluster.database_url("payments"),
        secrets=cluster.secrets,
    )
    await load.start()
    await load.pay(WARM_UP[2] + MEASURED[2])
    await load.measure(*WARM_UP)
    await asyncio.sleep(SETTLE_SECONDS)
    before, places = spending.processor_seconds(cluster), await _ends(cluster.kafka_bootstrap)
    level = await load.level(*MEASURED)
    await asyncio.sleep(SETTLE_SECONDS)
    after = spending.processor_seconds(cluster)
    await load.stop()
    records = await _since(cluster.kafka_bootstrap, places)
    parts = [part for part in after if part != "load"]
    spent = sum(after[part] - before[part] for part in parts) * 1e6 / level["sagas"]
    return in_words(records, cluster.secrets.seal(), level["sagas"], spent)


def in_words(records: Sequence[Record], seal: Seal, bookings: int, spent_us: float) -> str:
    """The figures as a Markdown table; `spent_us` is a booking's processor time, in microseconds."""
    ours = [record for record in records if is_sealed(record)]
    bare = [(record.topic, record.key, record.value, record.headers[:-1]) for record in ours]
    sign = _microseconds(lambda: [seal.sealed(*facts) for facts in bare], len(ours))
    check = _microseconds(lambda: [seal.fits(record) for record in ours], len(ours))
    readers = Counter(topic.name for service in SERVICES for topic in _read_by(service))
    signed = len(ours) / bookings
    checked = sum(readers[record.topic] for record in ours) / bookings
    share = (signed * sign + checked * check) / spent_us
    rows = [
        ("bytes of a record's body, on average", f"{sum(len(one.value or b'') for one in ours) / len(ours):,.0f}"),
        ("signing a record, us", f"{sign:.2f}"),
        ("checking a record, us", f"{check:.2f}"),
        ("records signed, a booking", f"{signed:.1f}"),
        ("records checked, a booking", f"{checked:.1f}"),
        ("both, us a booking", f"{signed * sign + checked * check:.0f}"),
        ("processor time, us a booking", f"{spent_us:,.0f}"),
        ("share of it", f"{share:.1%}"),
    ]
    return "\n".join(["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows)])


def _read_by(service: str) -> Sequence[Any]:
    return tuple(import_module(f"services.{service}.consumers").routes(None).topics)


def _microseconds(work: Callable[[], Any], number: int) -> float:
    """Processor time for each of a number of records, the best of some rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found) * 1e6 / number


async def _ends(bootstrap: str) -> dict[Any, int]:
    places = await partitions(bootstrap, {topic.name for topic in ALL_TOPICS})
    reader = consumer(bootstrap)
    await reader.start()
    try:
        return dict(await reader.end_offsets(places))
    finally:
        await reader.stop()


async def _since(bootstrap: str, places: dict[Any, int]) -> list[Record]:
    """What was written behind these places."""
    ends = await _ends(bootstrap)
    reader = consumer(bootstrap)
    await reader.start()
    found: list[Record] = []
    try:
        reader.assign(list(places))
        for place, offset in places.items():
            reader.seek(place, offset)
        while any([await reader.position(place) < ends[place] for place in places]):
            for several in (await reader.getmany(timeout_ms=500)).values():
                found += several
    finally:
        await reader.stop()
    return found


if __name__ == "__main__":
    main()
