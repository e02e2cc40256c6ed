"""The hot path: from a request published to its outcome read back, through Kafka and five services.

Prints one JSON object on standard output, and a table for people on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import documents
from benchmarks.bookings import floor, lone, properties, spending
from benchmarks.bookings.cluster import measured_cluster
from benchmarks.bookings.load import Load
from benchmarks.bookings.lone import Pauses
from benchmarks.rivals.plan import PROPERTIES, Level
from posada.cluster.cluster import LocalCluster


@dataclass(frozen=True)
class Plan:
    """A warm-up, levels (the first with one client) and lone requests; `rounds` of the floor around the first level."""

    warm_up: Level
    levels: tuple[Level, ...]
    lone: Pauses
    rounds: int

    @property
    def requests(self) -> int:
        """The most requests that there can be."""
        return self.warm_up[2] + sum(most for _, _, most in self.levels) + self.lone.number


FULL: Final = Plan(
    # As many at once as at the last level, for long enough that the broker has compiled what it does most.
    warm_up=(64, 25.0, 9000),
    levels=((1, 12.0, 2000), (16, 15.0, 12_000), (64, 20.0, 20_000)),
    lone=Pauses(60, 5.0),
    rounds=400,
)
SHORT: Final = Plan(warm_up=(4, 2.0, 100), levels=((1, 1.0, 20), (4, 1.0, 50)), lone=Pauses(4, 0.5), rounds=20)

SETTLE_SECONDS: Final = 2.0  # what is behind the last outcomes is paid for as well

stderr = Console(stderr=True)


def main() -> None:
    """Start everything, measure, print, stop."""
    parser = argparse.ArgumentParser(prog="benchmarks.bookings.hot_path", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds, to see that everything works")
    plan = SHORT if parser.parse_args().short else FULL
    with tempfile.TemporaryDirectory(prefix="posada-bench-") as folder:
        cluster = measured_cluster(
            Path(folder),
            on_progress=lambda text: stderr.print(f"[dim]{text}[/]"),
        )
        with cluster:
            figures = asyncio.run(_measure(cluster, plan))
    stderr.print(documents.machine())
    stderr.print(_table(figures), _spent_table(figures["levels"]), _lone_table(figures["lone"]))
    sys.stdout.write(json.dumps(figures) + "\n")


async def _measure(cluster: LocalCluster, plan: Plan) -> dict[str, Any]:
    await properties.plant(cluster.database_url("availability"), cluster.database_url("booking"), PROPERTIES)
    load = Load(
        PROPERTIES,
        bootstrap=cluster.kafka_bootstrap,
        payments_url=cluster.database_url("payments"),
        secrets=cluster.secrets,
    )
    await load.start()
    stderr.print("[dim]letting payments arrive[/]")
    await load.pay(plan.requests)
    stderr.print("[dim]warming up[/]")
    await load.measure(*plan.warm_up)
    # Before and behind the level that is compared with it: a shared machine changes its pace within minutes.
    floors = [await _floor(cluster, plan)]
    levels = [await _level(cluster, load, *plan.levels[0])]
    floors.append(await _floor(cluster, plan))
    levels += [await _level(cluster, load, *level) for level in plan.levels[1:]]
    stderr.print("[dim]measuring lone requests[/]")
    async with floor.running(cluster) as hops:
        alone = await lone.measure(load, hops, plan.lone)
    await load.stop()
    if load.refused:
        raise SystemExit(f"{load.refused} requests were not confirmed: the figures would mean nothing")
    floor_ms = round(statistics.mean(floors), 2)
    return {"machine": documents.machine(), "floor_ms": floor_ms, "levels": levels, "lone": alone}


async def _floor(cluster: LocalCluster, plan: Plan) -> float:
    stderr.print("[dim]measuring the floor[/]")
    return await floor.measure(cluster, plan.rounds)


async def _level(cluster: LocalCluster, load: Load, clients: int, seconds: float, most: int) -> dict[str, Any]:
    """The level's rates, and the processor milliseconds of a booking by part."""
    stderr.print(f"[dim]measuring {clients} at once[/]")
    before = spending.processor_seconds(cluster)
    level = await load.level(clients, seconds, most)
    await asyncio.sleep(SETTLE_SECONDS)
    spent = spending.difference(before, spending.processor_seconds(cluster))
    processor_ms = {part: round(1000 * seconds / level["sagas"], 3) for part, seconds in spent.items()}
    return level | {"processor_ms": processor_ms | {"together": round(sum(processor_ms.values()), 3)}}


def _table(figures: dict[str, Any]) -> Table:
    table = Table(title=f"From request to outcome; the floor is {figures['floor_ms']} ms")
    for name in ("clients", "sagas/s", "p50 ms", "p99 ms", "p50 / floor", "sagas"):
        table.add_column(name, justify="right")
    for level in figures["levels"]:
        times_floor = level["p50_ms"] / figures["floor_ms"]
        row = [level[name] for name in ("clients", "sagas_per_s", "p50_ms", "p99_ms")]
        table.add_row(*map(str, row), f"{times_floor:.2f}", str(level["sagas"]))
    return table


def _spent_table(levels: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Processor milliseconds of a booking")
    table.add_column("part")
    for level in levels:
        table.add_column(f"{level['clients']} clients", justify="right")
    for part in levels[0]["processor_ms"]:
        table.add_row(part, *[f"{level['processor_ms'][part]:.2f}" for level in levels])
    return table


def _lone_table(alone: dict[str, Any]) -> Table:
    table = Table(title=f"{alone['requests']} lone requests, {alone['apart_s']:g} s apart on average")
    for name in ("p50 ms", "p95 ms", "floor p50 ms", "floor p95 ms", "p50 / floor"):
        table.add_column(name, justify="right")
    row = [alone[name] for name in ("p50_ms", "p95_ms", "floor_p50_ms", "floor_p95_ms")]
    table.add_row(*map(str, row), f"{alone['p50_ms'] / alone['floor_p50_ms']:.2f}")
    return table


if __name__ == "__main__":
    main()
