"""Measures Posada and its rivals in one go: one JSON object on standard output, a table on standard error.

Without `--short` the table is written into this folder's README too.
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
from benchmarks.rivals import posada_run, report, rival_run
from benchmarks.rivals.engines import RIVALS
from benchmarks.rivals.plan import FULL, SHORT, Plan
from benchmarks.rivals.quiet import wait_for_quiet
from deploy.local.processes import PartFailed

README: Final = Path(__file__).with_name("README.md")
POSADA: Final = "posada"

people = Console(stderr=True)


def main() -> None:
    """Measure everybody, print, and leave with 1 where an invariant was broken."""
    # Asked to end, we end what we have started first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = _arguments()
    plan = SHORT if asked.short else FULL
    engines = {key: _measured(key, plan) for key in asked.only}
    results = {
        "machine": documents.machine(),
        "short": asked.short,
        "clients": [clients for clients, _, _ in plan.levels],
        "engines": engines,
    }
    people.print(report.for_people(results))
    sys.stdout.write(json.dumps(results) + "\n")
    if not asked.short:
        documents.put(README, "figures", report.for_documents(results))
    if any(one.get("faults") for one in engines.values()):
        raise SystemExit(1)


def _arguments() -> argparse.Namespace:
    keys = [*(rival.key for rival in RIVALS), POSADA]
    parser = argparse.ArgumentParser(prog="benchmarks.rivals", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds each, to see that everything works")
    parser.add_argument("--only", type=lambda names: names.split(","), default=keys, help=f"of {','.join(keys)}")
    asked = parser.parse_args()
    if unknown := set(asked.only) - set(keys):
        parser.error(f"--only takes {', '.join(keys)}, not {', '.join(sorted(unknown))}")
    return asked


def _measured(key: str, plan: Plan) -> dict[str, Any]:
    rival = next((rival for rival in RIVALS if rival.key == key), None)
    title = rival.title if rival else "Posada"
    if rival and (why := rival.missing()):
        return {"title": title, "left_out": why}
    quiet = wait_for_quiet(plan.quiet_s)
    told = {"title": title, "busy_percent": quiet.busy_percent, "quiet": quiet.enough, "waited_s": quiet.waited_s}
    with tempfile.TemporaryDirectory(prefix="posada-rivals-") as folder:
        place = Path(folder)
        try:
            found = rival_run.run(rival, place, plan, _say) if rival else posada_run.run(place, plan, _say)
        except (PartFailed, OSError) as failed:  # a time-out is an OSError
            return {**told, "left_out": str(failed) or type(failed).__name__}
    return {**told, **found}


def _say(what: str) -> None:
    people.print(f"[dim]{what}[/]")


if __name__ == "__main__":
    main()
