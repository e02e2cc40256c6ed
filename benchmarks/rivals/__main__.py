"""Measures Posada and its rivals in one go: one JSON object on standard output, a table on standard error.

Without `--short` the table is written into this folder's README too. With `--only` the others keep the figures that
they have there, each with the time it was measured at.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks import documents
from benchmarks.rivals.engines.choice import RIVALS
from benchmarks.rivals.plan import FULL, SHORT, Plan
from benchmarks.rivals.run import install, kept_figures, posada, report
from benchmarks.rivals.run import rival as rival_run
from benchmarks.rivals.run.deadline import within
from benchmarks.rivals.run.quiet import wait_for_quiet

README: Final = Path(__file__).with_name("README.md")
POSADA: Final = "posada"

stderr = Console(stderr=True)


def main() -> None:
    """Measure everybody, print, and leave with 1 where an invariant was broken or somebody failed."""
    # Asked to end, we end what we have started first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = _arguments()
    plan = SHORT if asked.short else FULL
    # All of it before anybody is measured: what fetches and builds is not to leave a busy machine behind.
    missing = {rival.key: rival.missing() for rival in RIVALS if rival.key in asked.only}
    kept = kept_figures.Kept(install.FOLDER / ("short.json" if asked.short else "figures.json"), plan, afresh=asked.all)
    for key in asked.only:
        why = missing.get(key)
        kept.put(key, {"title": _title(key), "left_out": why} if why else _measured(key, plan))
    results = kept.results()
    stderr.print(report.for_people(results))
    sys.stdout.write(json.dumps(results) + "\n")
    if not asked.short:
        documents.put(README, "figures", report.for_documents(results))
    if any(one.get("faults") or one.get("failed") for one in results["engines"].values()):
        raise SystemExit(1)


def _arguments() -> argparse.Namespace:
    keys = [*(rival.key for rival in RIVALS), POSADA]
    parser = argparse.ArgumentParser(prog="benchmarks.rivals", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds each, to see that everything works")
    parser.add_argument("--only", type=lambda names: names.split(","), default=keys, help=f"of {','.join(keys)}")
    asked = parser.parse_args()
    asked.all = set(asked.only) == set(keys)
    if unknown := set(asked.only) - set(keys):
        parser.error(f"--only takes {', '.join(keys)}, not {', '.join(sorted(unknown))}")
    return asked


def _title(key: str) -> str:
    return next((rival.title for rival in RIVALS if rival.key == key), "Posada")


def _measured(key: str, plan: Plan) -> dict[str, Any]:
    """One engine's figures; whatever becomes of it, the others are measured too."""
    rival = next((rival for rival in RIVALS if rival.key == key), None)
    quiet = wait_for_quiet(plan.quiet_s)
    facts = {
        "title": _title(key),
        "busy_percent": quiet.busy_percent,
        "quiet": quiet.enough,
        "waited_s": quiet.waited_s,
    }
    _say(f"{facts['title']}: the machine is {quiet.busy_percent:.0f} % busy")
    with tempfile.TemporaryDirectory(prefix="posada-rivals-", ignore_cleanup_errors=True) as folder:
        try:
            with within(plan.longest_s):
                found = (
                    rival_run.run(rival, Path(folder), plan, _say) if rival else posada.run(Path(folder), plan, _say)
                )
        except Exception as failed:  # it is told, and fails the run, when all have had their turn
            stderr.print_exception()
            found = {"failed": f"{type(failed).__name__}: {failed}"}
    return {**facts, **found}


def _say(what: str) -> None:
    stderr.print(f"[dim]{what}[/]")


if __name__ == "__main__":
    main()
