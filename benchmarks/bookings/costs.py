"""What one booking costs at every part: processor time, transactions, rows, log bytes, syncs, messages, batch sizes.

`python -m benchmarks.bookings.costs` prints Markdown on standard output, one column for one client and one for 64.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import httpx
from aiokafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from benchmarks.bookings import properties, spending
from benchmarks.bookings.cluster import measured_cluster
from benchmarks.bookings.load import Load
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import ALL_TOPICS, SERVICES
from shared.kafka.consumers import consumer

PROPERTIES = 20
WARM_UP = (64, 20.0, 8000)
LEVELS = ((1, 10.0, 1000), (64, 15.0, 8000))
SETTLE_SECONDS = 2.0  # what is behind the last outcomes counts as well

_ROWS = """
SELECT xact_commit + xact_rollback AS transactions, tup_inserted + tup_updated + tup_deleted AS written
FROM pg_stat_database WHERE datname = current_database()"""
_INDEXES = "SELECT coalesce(sum(idx_scan), 0)::bigint AS scans FROM pg_stat_user_indexes"
_WAL = "SELECT wal_records, wal_bytes::bigint AS wal_bytes FROM pg_stat_wal"
_SYNCS = "SELECT coalesce(sum(fsyncs), 0)::bigint AS syncs FROM pg_stat_io WHERE object = 'wal'"

stderr = Console(stderr=True)
Figures = Mapping[str, float]


def main() -> None:
    """Start everything, measure two levels, print what a booking took of each part."""
    with tempfile.TemporaryDirectory(prefix="posada-costs-") as folder:
        cluster = measured_cluster(
            Path(folder),
            on_progress=lambda text: stderr.print(f"[dim]{text}[/]"),
        )
        with cluster:
            columns = asyncio.run(_measure(cluster))
    sys.stdout.write(in_words(columns) + "\n")


async def _measure(cluster: LocalCluster) -> dict[int, Figures]:
    await properties.plant(cluster.database_url("availability"), cluster.database_url("booking"), PROPERTIES)
    load = Load(
        PROPERTIES,
        bootstrap=cluster.kafka_bootstrap,
        payments_url=cluster.database_url("payments"),
        secrets=cluster.secrets,
    )
    await load.start()
    await load.pay(WARM_UP[2] + sum(most for _, _, most in LEVELS))
    await load.measure(*WARM_UP)
    columns: dict[int, Figures] = {}
    for clients, seconds, most in LEVELS:
        stderr.print(f"[dim]measuring {clients} at once[/]")
        await asyncio.sleep(SETTLE_SECONDS)
        before = await _look(cluster)
        level = await load.level(clients, seconds, most)
        await asyncio.sleep(SETTLE_SECONDS)
        took = spending.difference(before, await _look(cluster))
        columns[clients] = {
            "bookings a second": level["sagas_per_s"],
            **{name: value / level["sagas"] for name, value in took.items() if not name.startswith("batch ")},
            **{
                f"messages in a batch of {service}": took[f"batch messages {service}"] / took[f"batch number {service}"]
                for service in SERVICES
            },
        }
    await load.stop()
    return columns


async def _look(cluster: LocalCluster) -> dict[str, float]:
    """Everything that only ever grows, as it is now."""
    seconds = spending.processor_seconds(cluster)
    found = {f"processor ms, {part}": 1000 * used for part, used in seconds.items()}
    for service in SERVICES:
        found |= await _rows(cluster.database_url(service), service)
    found |= await _once(cluster.database_url("booking"))
    found |= await _records(cluster.kafka_bootstrap)
    for one in cluster.services:
        found |= await _batches(one.url, one.service)
    return found


async def _rows(url: str, service: str) -> dict[str, float]:
    connection = await asyncpg.connect(url)
    try:
        ((transactions, written),) = await connection.fetch(_ROWS)
        scans = await connection.fetchval(_INDEXES)
    finally:
        await connection.close()
    return {
        f"transactions, {service}": float(transactions),
        f"rows written, {service}": float(written),
        f"index scans, {service}": float(scans),
    }


async def _once(url: str) -> dict[str, float]:
    """What the server counts for all databases together."""
    connection = await asyncpg.connect(url)
    try:
        ((records, size),) = await connection.fetch(_WAL)
        syncs = await connection.fetchval(_SYNCS)
    finally:
        await connection.close()
    return {"log records": float(records), "log bytes": float(size), "log syncs": float(syncs)}


async def _records(bootstrap: str) -> dict[str, float]:
    """Messages so far, on all topics."""
    reader = consumer(bootstrap)
    await reader.start()
    try:
        places = [TopicPartition(topic.name, number) for topic in ALL_TOPICS for number in range(topic.partitions)]
        ends = await reader.end_offsets(places)
    finally:
        await reader.stop()
    return {"messages": float(sum(ends.values()))}


async def _batches(url: str, service: str) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{url}/metrics")).text
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "posada_batch_messages"
        for sample in family.samples
    }
    return {
        f"batch messages {service}": found["posada_batch_messages_sum"],
        f"batch number {service}": found["posada_batch_messages_count"],
    }


def in_words(columns: Mapping[int, Figures]) -> str:
    """The figures as a Markdown table, a column for each number of clients."""
    names = list(next(iter(columns.values())))
    header = [" of a booking |", *[f" {clients} client{'s' * (clients > 1)} |" for clients in columns]]
    lines = ["|" + "".join(header), "| --- |" + " ---: |" * len(columns)]
    lines += [
        "| " + " | ".join([name, *(_formatted(name, column[name]) for column in columns.values())]) + " |"
        for name in names
    ]
    return "\n".join(lines)


def _formatted(name: str, value: float) -> str:
    return f"{value:,.0f}" if name == "log bytes" else f"{value:.2f}"


if __name__ == "__main__":
    main()
