"""Reckons from measured costs what a chain needs: processors, instances, brokers, disk and money."""

from __future__ import annotations

import math
from typing import Any, Final

# The chain of docs/scale.md.
BOOKINGS_A_YEAR: Final = 41_000_000
PEAK_BOOKINGS_A_SECOND: Final = 75.0
COUNTS_A_BOOKING: Final = 50
# How full a processor is to be at the peak, so that waiting stays short and one of two zones may fail.
BUSY_AT_MOST: Final = 0.4
# A general-purpose processor and a GB of disk, rented for a year without discounts: to be replaced by one's own prices.
USD_A_CORE_AND_MONTH: Final = 30.0
USD_A_GB_AND_MONTH: Final = 0.25
SERVICES: Final = ("booking", "availability", "payments", "notifications", "conversations")
PARTS: Final = (*SERVICES, "postgres", "kafka")


def in_words(results: dict[str, Any], partitions: int) -> str:
    """The reckoning as Markdown, from the largest database that was measured."""
    point = results["by_bookings"][-1]
    spent: dict[str, float] = point["cpu_ms_a_booking"]
    needed = {part: _cores(spent.get(part, 0.0)) for part in PARTS}
    count_ms = spent.get("availability", 0.0) + spent.get("postgres", 0.0) / len(SERVICES)
    counts = _cores(count_ms * COUNTS_A_BOOKING)
    bytes_a_booking: float = sum(results["bytes_a_booking"].values())
    lines = [
        f"With {point['bookings']:,} bookings in the databases, at {PEAK_BOOKINGS_A_SECOND:.0f} bookings a second, "
        f"processors at most {BUSY_AT_MOST:.0%} busy:",
        "",
        "| part | CPU ms a booking | cores at the peak | processes |",
        "| --- | --- | --- | --- |",
        *[_row(part, spent.get(part, 0.0), cores) for part, cores in needed.items()],
        f"| counts, {COUNTS_A_BOOKING} of {count_ms:.2f} ms | {count_ms * COUNTS_A_BOOKING:.1f} | {counts:.1f} "
        f"| {max(2, math.ceil(counts))} |",
        "",
        "- A count is taken to cost what availability and its fifth of PostgreSQL do for a booking.",
        *[f"- {line}" for line in (_processors(sum(needed.values()) + counts), _disk(bytes_a_booking))],
        f"- {_limit(spent, partitions)}",
        f"- A booking that shares its batch with no other costs {_alone(point):.1f} times as much: at a low rate the "
        "processors are used less well, and have nothing else to do.",
    ]
    return "\n".join(lines)


def _processors(cores: float) -> str:
    both = math.ceil(cores * 1.5)
    return (
        f"Cores: {cores:.1f}, and half as many again for a second zone: {both}. "
        f"At {USD_A_CORE_AND_MONTH:.0f} USD a core that is {both * USD_A_CORE_AND_MONTH:,.0f} USD a month."
    )


def _disk(bytes_a_booking: float) -> str:
    year = bytes_a_booking * BOOKINGS_A_YEAR / 1e9
    return (
        f"Disk: {year:,.0f} GB for a year's bookings; with two replicas "
        f"{3 * year * USD_A_GB_AND_MONTH:,.0f} USD a month. "
        "The inbox is a part of that which its retention ends."
    )


def _limit(spent: dict[str, float], partitions: int) -> str:
    dearest = max(SERVICES, key=lambda part: spent.get(part, 0.0))
    limit = 1000 / max(spent.get(dearest, 0.0), 0.001)
    return (
        f"{dearest.capitalize()} is the dearest service. One instance of it, which is one processor, is full at some "
        f"{limit:,.0f} bookings a second; the {partitions} that {partitions} partitions allow at "
        f"{limit * partitions:,.0f}, "
        f"{limit * partitions / PEAK_BOOKINGS_A_SECOND:,.0f} times the chain's peak."
    )


def _row(part: str, cost_ms: float, cores: float) -> str:
    return f"| {part} | {cost_ms:.2f} | {cores:.2f} | {_processes(part, cores)} |"


def _processes(part: str, cores: float) -> str:
    return str(max(2, math.ceil(cores))) if part in SERVICES else {"postgres": "5", "kafka": "3"}[part]


def _cores(cost_ms: float) -> float:
    return cost_ms / 1000 * PEAK_BOOKINGS_A_SECOND / BUSY_AT_MOST


def _alone(point: dict[str, Any]) -> float:
    """How much dearer a booking is that shares no batch, in processor time of everything."""
    alone, crowd = (sum(point[name].values()) for name in ("cpu_ms_alone", "cpu_ms_a_booking"))
    return float(alone / max(crowd, 0.001))
