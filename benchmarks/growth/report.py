"""Growth as tables and as a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.table import Table

PARTS: Final = ("booking", "availability", "payments", "notifications", "conversations", "kafka", "postgres", "load")
HEADINGS: Final = (
    "sagas/s, 64 clients",
    "p50 ms",
    "p99 ms",
    "p50 ms, one client",
    "all done, s",
    "CPU ms a booking",
)
_TITLES: Final = {
    "by_bookings": "bookings in the databases",
    "by_instances": "instances of each service",
    "by_partitions": "partitions, and as many instances",
}
_COUNTED: Final = {"by_bookings": "bookings", "by_instances": "instances", "by_partitions": "partitions"}


def rows(points: list[dict[str, Any]], counted: str) -> list[tuple[str, ...]]:
    """One row for each measurement."""
    return [
        (
            f"{point[counted]:,}",
            f"{point['crowd']['sagas_per_s']:,.0f}",
            f"{point['crowd']['p50_ms']:.1f}",
            f"{point['crowd']['p99_ms']:.1f}",
            f"{point['alone']['p50_ms']:.2f}",
            f"{point['settled_s']:.1f}",
            f"{sum(spent for part, spent in point['cpu_ms_a_booking'].items() if part != 'load'):.2f}",
        )
        for point in points
    ]


def for_people(results: dict[str, Any]) -> list[Table]:
    """The tables for a terminal."""
    tables = []
    for name, title in _TITLES.items():
        table = Table(title=f"By {title}")
        for heading in (title, *HEADINGS):
            table.add_column(heading, justify="right")
        for row in rows(results[name], _COUNTED[name]):
            table.add_row(*row)
        tables.append(table)
    return tables


def for_documents(results: dict[str, Any], chart: str) -> str:
    """The tables, the chart's place and what a booking costs, in Markdown."""
    parts = [
        results["machine"],
        f"![Bookings a second as the databases grow and as partitions and instances are added]({chart})",
    ]
    for name, title in _TITLES.items():
        body = rows(results[name], _COUNTED[name])
        parts.append(_markdown((title, *HEADINGS), body))
    parts.append("What one booking costs, in milliseconds of one processor (`load` is the load generator):")
    parts.append(_markdown(("bookings", *PARTS), [_spent(point) for point in results["by_bookings"]]))
    disk = results["bytes_a_booking"]
    all_of_it = sum(disk.values()) / 1000
    kept = ", ".join(f"{name} {size / 1000:.1f} kB" for name, size in disk.items())
    parts.append(f"On disk, indexes and what is remembered of messages included: {kept}; {all_of_it:.1f} kB in all.")
    scanned = {table for point in results["by_bookings"] for table in point["rows_scanned_a_booking"]}
    found = ", ".join(sorted(scanned))
    parts.append(f"Large tables read without an index during the load: {found or 'none'}.")
    return "\n\n".join(parts)


def _spent(point: dict[str, Any]) -> tuple[str, ...]:
    return (f"{point['bookings']:,}", *[f"{point['cpu_ms_a_booking'].get(part, 0):.2f}" for part in PARTS])


def _markdown(headings: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(results: dict[str, Any], chart: Path) -> None:
    """All of them as bars in one SVG file."""
    import pygal  # noqa: PLC0415 — only whoever draws needs it
    from pygal.style import CleanStyle  # noqa: PLC0415

    bars = pygal.Bar(
        style=CleanStyle,
        js=[],
        height=440,
        width=900,
        x_label_rotation=20,
        show_legend=False,
        print_values=True,
        value_formatter=lambda rate: f"{rate:,.0f}",
        title="Bookings a second, 64 clients, two cores",
        include_x_axis=True,
    )
    labelled = [(f"{point['bookings']:,} bookings", point) for point in results["by_bookings"]]
    labelled += [(f"{point['instances']} of each service", point) for point in results["by_instances"]]
    labelled += [(f"{point['partitions']} and partitions", point) for point in results["by_partitions"]]
    bars.x_labels = [label for label, _ in labelled]
    bars.add("sagas/s", [point["crowd"]["sagas_per_s"] for _, point in labelled])
    chart.write_bytes(bars.render())
