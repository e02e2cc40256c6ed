"""Tables of the figures, for people and for documents."""

from __future__ import annotations

from typing import Any

from rich.table import Table

HEADINGS = ("clients", "engine", "sagas/s", "p50 ms", "p99 ms", "Posada's rate ×", "Posada's p50 ×")
NOBODY = "–"


def rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row for each level and engine, with Posada's figures as multiples of the engine's."""
    engines = [(key, one) for key, one in results["engines"].items() if "levels" in one]
    posada = {level["clients"]: level for level in results["engines"].get("posada", {}).get("levels", ())}
    found: list[tuple[str, ...]] = []
    for place, clients in enumerate(results["clients"]):
        for _, one in engines:
            level = one["levels"][place]
            ours = posada.get(clients)
            beside = (
                f"{ours['sagas_per_s'] / level['sagas_per_s']:.2f}" if ours else NOBODY,
                f"{ours['p50_ms'] / level['p50_ms']:.2f}" if ours else NOBODY,
            )
            figures = (f"{level['sagas_per_s']:,.0f}", f"{level['p50_ms']:,.1f}", f"{level['p99_ms']:,.1f}")
            found.append((str(clients), one["title"], *figures, *beside))
    return found


def notes(results: dict[str, Any]) -> list[str]:
    """What has to be said beside the table."""
    said = [results["machine"]]
    posada = results["engines"].get("posada", {})
    if "floor_ms" in posada:
        one = posada["levels"][0]
        said.append(
            f"The floor is {posada['floor_ms']:.2f} ms: empty messages over the six hops and five commits of a "
            f"booking's path; Posada's p50 at one client is {one['p50_ms'] / posada['floor_ms']:.2f} times that. "
            f"{posada['settled_s']:.1f} s after the last outcome everything behind it was done too."
        )
    for one in results["engines"].values():
        if "left_out" in one:
            said.append(f"{one['title']} was left out: {one['left_out']}.")
        elif one["faults"]:
            said.append(f"{one['title']} broke what has to hold: {'; '.join(one['faults'])}.")
        elif not one["quiet"]:
            said.append(f"Before {one['title']} the machine was {one['busy_percent']:.0f} % busy with other things.")
    if all(not one.get("faults") for one in results["engines"].values()):
        said.append("In every database afterwards: no room-night twice, each booking paid once, codes distinct.")
    return said


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
