"""Tells of a storm: a page in Markdown and a chart as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import pygal
from pygal.style import LightSolarizedStyle

from chaos.faults.injector import ON_PROXIES, InjectedFault
from chaos.faults.plan import FaultKind
from chaos.guests.intentions import Intention
from chaos.guests.requests import GuestKind
from chaos.run import Storm

PAGE: Final = "report.md"
CHART: Final = "chart.svg"


def write(storm: Storm, folder: Path) -> Path:
    """Write page and chart into the folder and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHART).write_bytes(chart(storm))
    page = folder / PAGE
    page.write_text(text(storm), encoding="utf-8")
    return page


def text(storm: Storm) -> str:
    """The page."""
    wish = storm.wish
    verdict = "Everything held." if not storm.wrong else f"{len(storm.wrong)} things went wrong."
    quiet = f"{storm.quiet_at:.0f} s" if storm.quiet_at else "never"
    where = "" if storm.proxied else "POSADA_PARTS=docker "
    replay = f"{where}python -m chaos --seed {wish.seed} --bookings {wish.bookings} --minutes {wish.seconds / 60:g}"
    parts = [
        f"# Storm {wish.seed}",
        f"**{verdict}** {wish.bookings} bookings and {len(storm.injected)} faults in {wish.seconds:.0f} s;"
        f" quiet after {quiet}. Again: `{replay} --faults {wish.faults}`",
        "## What went wrong\n\n" + "\n".join(f"- {one}" for one in storm.wrong) if storm.wrong else "",
        f"![Outcomes a second, and the faults]({CHART})",
        "## Outcomes\n\n" + _outcomes(storm),
        "## At the front desk\n\n" + _front_desk(storm),
        "## Recovery\n\n" + _recovery(storm),
        "## Delivered again\n\n" + _again(storm),
        "## Invariants\n\n" + _invariants(storm),
        "## Faults\n\n" + _faults(storm),
    ]
    return "\n\n".join(backend for backend in parts if backend) + "\n"


def chart(storm: Storm) -> bytes:
    """Outcomes a second over time, with a mark for each kind of fault."""
    drawn = pygal.XY(
        title=f"Storm {storm.wish.seed}: outcomes a second",
        x_title="seconds",
        style=LightSolarizedStyle,
        js=(),
        width=1100,
        height=420,
        dots_size=1,
        include_x_axis=True,
    )
    samples = storm.monitor.samples if storm.monitor else []
    rates = [
        (round(later.at, 1), (later.decided - sooner.decided) / (later.at - sooner.at))
        for sooner, later in pairwise(samples)
    ]
    drawn.add("outcomes a second", rates, show_dots=False)
    top = max((rate for _, rate in rates), default=1.0)
    for number, what in enumerate(FaultKind):
        marks = [(round(one.at - storm.began, 1), top * (1.05 + 0.05 * number)) for one in _of(storm, what)]
        drawn.add(what.value, marks, stroke=False, dots_size=4)
    rendered: bytes = drawn.render()
    return rendered


def _of(storm: Storm, what: FaultKind) -> list[InjectedFault]:
    return [one for one in storm.injected if one.fault.kind is what]


def _outcomes(storm: Storm) -> str:
    gateway = storm.gateway
    if gateway is None:
        return "Nobody listened."
    rows = []
    for kind in GuestKind:
        names = [guest.request_id for guest in storm.guests if guest.kind is kind]
        told = ", ".join(
            f"{count} {kind}" for kind, count in sorted(gateway.kinds(names).items(), key=lambda one: -one[1])
        )
        rows.append((kind.value, len(names), told))
    waits = sorted(heard.at - gateway.sent_at[name] for name, heard in gateway.heard.items() if name in gateway.sent_at)
    line = f"Published: {gateway.sent}, of which the gateway sent {gateway.sent_again} again for want of an answer."
    if waits:
        middle, late = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
        line += f" From request to outcome: p50 {middle:.2f} s, p99 {late:.1f} s, longest {waits[-1]:.1f} s."
    return _table(("guests", "number", "came out as"), rows) + "\n\n" + line


def _front_desk(storm: Storm) -> str:
    if storm.front_desk is None:
        return "Nobody came."
    rows = []
    for intention in Intention:
        kinds = storm.front_desk.kinds(intention)
        told = "; ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1]))
        rows.append((intention.value, sum(kinds.values()), told))
    given = f"Commands given: {storm.front_desk.given}, those that were given again for want of an answer included."
    return _table(("guest", "number", "was answered"), rows) + "\n\n" + given


def _recovery(storm: Storm) -> str:
    rows = []
    for (what, target), faults in sorted(_grouped(storm).items()):
        backs = sorted(one.back - one.repaired for one in faults if one.back and one.repaired)
        nexts = sorted(value for one in faults if (value := _next_outcome(storm, one.repaired or one.at)) is not None)
        rows.append((what, target, len(faults), _spread(backs), _spread(nexts)))
    head = "Seconds from the end of the fault until the target was ready, and until the next outcome was heard.\n\n"
    return head + _table(("fault", "target", "times", "ready after (middle, longest)", "next outcome after"), rows)


def _grouped(storm: Storm) -> dict[tuple[str, str], list[InjectedFault]]:
    grouped: dict[tuple[str, str], list[InjectedFault]] = {}
    for one in storm.injected:
        grouped.setdefault((one.fault.kind.value, one.fault.target), []).append(one)
    return grouped


def _next_outcome(storm: Storm, moment: float) -> float | None:
    if storm.gateway is None:
        return None
    later = [heard.at for heard in storm.gateway.heard.values() if heard.at >= moment]
    return min(later) - moment if later else None


def _spread(values: Sequence[float]) -> str:
    return f"{values[len(values) // 2]:.1f}, {values[-1]:.1f}" if values else "–"


def _again(storm: Storm) -> str:
    counts = Counter(storm.monitor.counts) if storm.monitor else Counter[str]()
    counts["published again on purpose"] = sum(one.count for one in _of(storm, FaultKind.REPEAT))
    counts["database connections cut"] = sum(one.count for one in _of(storm, FaultKind.CUT))
    counts["connections torn, muted or slowed down by proxies"] = sum(
        one.count for what in ON_PROXIES for one in _of(storm, what)
    )
    counts["outcomes heard again"] = storm.gateway.repeated_outcomes if storm.gateway else 0
    return _table(("what", "times"), sorted(counts.items()))


def _invariants(storm: Storm) -> str:
    report = storm.report
    if report is None:
        return "Not audited."
    broken = Counter(finding.invariant for finding in report.findings)
    rows = [(one.name, one.promise, broken[one.name] or "kept") for one in report.invariants]
    return _table(("invariant", "promise", "findings"), rows)


def _faults(storm: Storm) -> str:
    rows = [
        (
            f"{one.at - storm.began:.1f}",
            one.fault.kind,
            one.fault.target,
            f"{one.fault.lasts:g}" if one.fault.lasts else "",
            one.count or "",
            one.problem,
        )
        for one in sorted(storm.injected, key=lambda one: one.at)
    ]
    return _table(("at, s", "fault", "target", "for, s", "count", "problem"), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)
