"""What a load costs: processor time by part, and rows that were read without an index, by table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import asyncpg
import psutil

from posada.cluster.cluster import LocalCluster

_SCANS = """
    SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE n_live_tup >= $1 AND seq_tup_read > 0"""


def processor_seconds(cluster: LocalCluster) -> dict[str, float]:
    """The processor time that each part has used so far, with all that it started, and this process as `load`."""
    pids: dict[str, list[int | None]] = {"load": [psutil.Process().pid]}
    for one in cluster.services:
        pids.setdefault(one.service, []).append(one.process.pid)
    for part in (cluster.backends.kafka, cluster.backends.postgres):
        process = getattr(part, "process", None)  # only one of our own
        if process is not None:
            pids["kafka" if part is cluster.backends.kafka else "postgres"] = [process.pid]
    return {
        part: sum(seconds_of(pid, alone=part == "load") for pid in found if pid is not None)
        for part, found in pids.items()
    }


def seconds_of(pid: int, *, alone: bool = False) -> float:
    """The processor time that a process has used so far, unless `alone` with all that it started; 0 if it is gone."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        several = [process] if alone else [process, *process.children(recursive=True)]
        total = 0.0
        for one in several:
            with suppress(psutil.NoSuchProcess):
                used = one.cpu_times()
                total += used.user + used.system
        return total
    return 0.0


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two looks."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


async def rows_scanned(urls: Mapping[str, str], at_least: int) -> dict[str, float]:
    """Rows read by sequential scans so far, by service and table, of tables with so many rows or more."""
    found: dict[str, float] = {}
    for service, url in urls.items():
        connection = await asyncpg.connect(url)
        try:
            found |= {f"{service}.{table}": float(rows) for table, rows in await connection.fetch(_SCANS, at_least)}
        finally:
            await connection.close()
    return found


async def sizes(urls: Mapping[str, str]) -> dict[str, float]:
    """The bytes that each service's database takes on disk."""
    found: dict[str, float] = {}
    for service, url in urls.items():
        connection = await asyncpg.connect(url)
        try:
            found[service] = float(await connection.fetchval("SELECT pg_database_size(current_database())"))
        finally:
            await connection.close()
    return found
