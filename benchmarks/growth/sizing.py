"""Estimates from measured costs what a chain needs: processors, instances, brokers, disk and money."""

from __future__ import annotations

import math
from typing import Any, Final

# The chain of docs/scale.md.
BOOKINGS_A_YEAR: Final = 41_000_000
PEAK_BOOKINGS_A_SECOND: Final = 75.0
COUNTS_A_BOOKING: Final = 50
# Availability and PostgreSQL together, for every type of a property of 60 rooms of which 70 % are taken: what
# `python -m benchmarks.services.rooms` measures, with 20 properties of that size.
COUNT_CPU_MS: Final = 2.1
# How full a processor is to be at the peak, so that waiting stays short and one of two zones may fail.
BUSY_AT_MOST: Final = 0.4
# A general-purpose processor and a GB of disk, rented for a year without discounts: to be replaced by one's own prices.
USD_A_CORE_AND_MONTH: Final = 30.0
USD_A_GB_AND_MONTH: Final = 0.25
SERVICES: Final = ("booking", "availability", "payments", "notifications", "conversations")
PARTS: Final = (*SERVICES, "postgres", "kafka")


def in_words(results: dict[str, Any], partitions: int) -> str:
    """The estimate as Markdown, from the largest database that was measured."""
    point = results["by_bookings"][-1]
    full: dict[str, float] = point["cpu_ms_a_booking"]
    alone: dict[str, float] = point["cpu_ms_alone"]
    counts = _cores(COUNT_CPU_MS * COUNTS_A_BOOKING)
    most = sum(_cores(alone.get(part, 0.0)) for part in PARTS) + counts
    bytes_a_booking: float = sum(results["bytes_a_booking"].values())
    lines = [
        f"With {point['bookings']:,} bookings in the databases, at {PEAK_BOOKINGS_A_SECOND:.0f} bookings a second, "
        f"processors at most {BUSY_AT_MOST:.0%} busy. A booking costs least in full batches (64 clients, one instance) "
        "and most where it shares its batch with none (one client); several instances at 75 a second lie in between:",
        "",
        "| part | CPU ms a booking, full batches to none | cores at the peak | processes |",
        "| --- | --- | --- | --- |",
        *[_row(part, full.get(part, 0.0), alone.get(part, 0.0)) for part in PARTS],
        f"| counts, {COUNTS_A_BOOKING} of {COUNT_CPU_MS} ms | {COUNT_CPU_MS * COUNTS_A_BOOKING:.0f} | {counts:.1f} "
        f"| {math.ceil(counts)} |",
        "",
        f"- {_processors(most)}",
        f"- {_disk(bytes_a_booking)}",
        f"- Counts are nearly all of it. So many processes need as many partitions of `posada.availability.requests` "
        f"(`posada topics --instances`; {partitions} unless told otherwise), or ask over HTTP, which has none.",
        f"- {_limit(full, alone)}",
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


def _limit(full: dict[str, float], alone: dict[str, float]) -> str:
    dearest = max(SERVICES, key=lambda part: full.get(part, 0.0))
    least, most = (1000 / max(spent.get(dearest, 0.0), 0.001) for spent in (alone, full))
    return (
        f"{dearest.capitalize()} is the dearest service. One instance of it, which is one processor, is full between "
        f"{least:,.0f} and {most:,.0f} bookings a second, {least / PEAK_BOOKINGS_A_SECOND:,.1f} to "
        f"{most / PEAK_BOOKINGS_A_SECOND:,.1f} times the chain's peak; what several do takes machines to measure."
    )


def _row(part: str, full: float, alone: float) -> str:
    cores = _cores(full), _cores(alone)
    return f"| {part} | {full:.2f} to {alone:.2f} | {cores[0]:.2f} to {cores[1]:.2f} | {_processes(part, cores[1])} |"


def _processes(part: str, cores: float) -> str:
    return str(max(2, math.ceil(cores))) if part in SERVICES else {"postgres": "5", "kafka": "3"}[part]


def _cores(cost_ms: float) -> float:
    return cost_ms / 1000 * PEAK_BOOKINGS_A_SECOND / BUSY_AT_MOST
