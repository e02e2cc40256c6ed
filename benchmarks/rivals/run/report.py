"""Tables of the figures, for people and for documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.table import Table

from benchmarks.rivals.run.kept_figures import MEASURED_AT

HEADINGS = ("clients", "engine", "sagas/s", "p50 ms", "p99 ms", "Posada's rate ×", "Posada's p50 ×")
NOBODY = "–"
TOGETHER_S = 3600.0  # what was measured within an hour counts as one run


def rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row for each level and engine, with Posada's figures as multiples of the engine's."""
    posada = _levels(results["engines"].get("posada", {}))
    found: list[tuple[str, ...]] = []
    for clients in results["clients"]:
        for one in results["engines"].values():
            level, ours = _levels(one).get(clients), posada.get(clients)
            if level is None:
                continue
            beside = (
                f"{ours['sagas_per_s'] / level['sagas_per_s']:.2f}" if ours else NOBODY,
                f"{ours['p50_ms'] / level['p50_ms']:.2f}" if ours else NOBODY,
            )
            figures = (f"{level['sagas_per_s']:,.0f}", f"{level['p50_ms']:,.1f}", f"{level['p99_ms']:,.1f}")
            found.append((str(clients), one["title"], *figures, *beside))
    return found


def _levels(one: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {level["clients"]: level for level in one.get("levels", ())}


def notes(results: dict[str, Any]) -> list[str]:
    """What has to be said beside the table."""
    engines = results["engines"].values()
    text = [results["machine"], *_floor(results["engines"].get("posada", {}))]
    for one in engines:
        if "left_out" in one:
            text.append(f"{one['title']} was left out: {one['left_out']}.")
            continue
        if one.get("failed"):
            text.append(f"{one['title']} failed: {one['failed'].splitlines()[0]}.")
        if one.get("faults"):
            text.append(f"{one['title']} broke what has to hold: {'; '.join(one['faults'])}.")
        if not one["quiet"]:
            text.append(f"Before {one['title']} the machine was {one['busy_percent']:.0f} % busy with other things.")
    checked = [one for one in engines if one.get("levels") and not one.get("failed")]
    if checked and not any(one["faults"] for one in checked):
        which = "every database" if len(checked) == len(engines) else "the databases of those that did not fail"
        text.append(f"In {which} afterwards: no room-night twice, each booking paid once, codes distinct.")
    times = sorted({one["measured_at"] for one in engines})
    if _apart(times) > TOGETHER_S:
        text.append("Not in one go: " + ", ".join(f"{one['title']} {one['measured_at']}" for one in engines) + ".")
    return text


def _floor(posada: dict[str, Any]) -> list[str]:
    one = _levels(posada).get(1)
    if one is None or "floor_ms" not in posada:
        return []
    text = (
        f"The floor is {posada['floor_ms']:.2f} ms: empty messages over the six hops and five commits of a "
        f"booking's path; Posada's p50 at one client is {one['p50_ms'] / posada['floor_ms']:.2f} times that."
    )
    if "settled_s" in posada:
        text += f" {posada['settled_s']:.1f} s after the last outcome everything behind it was done too."
    return [text]


def _apart(times: list[str]) -> float:
    """The seconds between the first and the last."""
    if not times:
        return 0.0
    first, last = (datetime.strptime(one, MEASURED_AT) for one in (times[0], times[-1]))  # noqa: DTZ007
    return (last - first).total_seconds()


def for_people(results: dict[str, Any]) -> Table:
    """The table for a terminal."""
    table = Table(title="The same booking on other engines", caption="\n".join(notes(results)), caption_justify="left")
    for name in HEADINGS:
        table.add_column(name, justify="left" if name == "engine" else "right")
    before = ""
    for row in rows(results):
        if before and row[0] != before:
            table.add_section()
        before = row[0]
        table.add_row(*row)
    return table


def for_documents(results: dict[str, Any]) -> str:
    """The table and its notes in Markdown."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{' --- |' * len(HEADINGS)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows(results)]
    return "\n".join(lines) + "\n\n" + "\n".join(f"- {note}" for note in notes(results))
