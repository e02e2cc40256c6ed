"""The hot path: from a request published to its outcome read back, through Kafka and five services.

Prints one JSON object on standard output, and a table for people on standard error.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import floor, houses
from benchmarks.load import Load
from benchmarks.measured import measured_town
from posada.town import Town

PROPERTIES = 20
# As many at once as at the last level, for long enough that the broker has compiled what it does most.
WARM_UP = (64, 25.0, 9000)
# Clients, seconds, and the most requests that a level may make.
LEVELS = ((1, 12.0, 2000), (16, 15.0, 12_000), (64, 20.0, 20_000))

people = Console(stderr=True)


def main() -> None:
    """Start everything, measure, print, stop."""
    with tempfile.TemporaryDirectory(prefix="posada-bench-") as folder:
        town = measured_town(
            Path(folder),
            on_progress=lambda said: people.print(f"[dim]{said}[/]"),
        )
        with town:
            figures = asyncio.run(_measure(town))
    people.print(_table(figures))
    sys.stdout.write(json.dumps(figures) + "\n")


async def _measure(town: Town) -> dict[str, Any]:
    await houses.plant(town.database_url("availability"), town.database_url("booking"), PROPERTIES)
    load = Load(PROPERTIES, bootstrap=town.kafka_bootstrap, payments_url=town.database_url("payments"))
    await load.start()
    people.print("[dim]letting payments arrive[/]")
    await load.pay(WARM_UP[2] + sum(most for _, _, most in LEVELS))
    people.print("[dim]warming up[/]")
    await load.measure(*WARM_UP)
    # Before and behind the level that is compared with it: a shared machine changes its pace within minutes.
    floors = [await _floor(town)]
    levels = [await _level(load, *LEVELS[0])]
    floors.append(await _floor(town))
    levels += [await _level(load, *level) for level in LEVELS[1:]]
    await load.stop()
    if load.refused:
        raise SystemExit(f"{load.refused} requests were not confirmed: the figures would mean nothing")
    return {"floor_ms": round(statistics.mean(floors), 2), "levels": levels}


async def _floor(town: Town) -> float:
    people.print("[dim]measuring the floor[/]")
    return await floor.measure(town.kafka_bootstrap, {name: town.parts.owner_url(name) for name in floor.STOPS})


async def _level(load: Load, clients: int, seconds: float, most: int) -> dict[str, Any]:
    people.print(f"[dim]measuring {clients} at once[/]")
    return await load.level(clients, seconds, most)


def _table(figures: dict[str, Any]) -> Table:
    table = Table(title=f"From request to outcome; the floor is {figures['floor_ms']} ms")
    for name in ("clients", "sagas/s", "p50 ms", "p99 ms", "p50 / floor", "sagas"):
        table.add_column(name, justify="right")
    for level in figures["levels"]:
        times_floor = level["p50_ms"] / figures["floor_ms"]
        row = [level[name] for name in ("clients", "sagas_per_s", "p50_ms", "p99_ms")]
        table.add_row(*map(str, row), f"{times_floor:.2f}", str(level["sagas"]))
    return table


if __name__ == "__main__":
    main()
