"""One rival under the load: a database server of its own, its processes, the levels, and what is true afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.rivals import data
from benchmarks.rivals.engines import Rival, Running
from benchmarks.rivals.http_load import HttpLoad
from benchmarks.rivals.place import Place
from benchmarks.rivals.plan import PROPERTIES, Plan
from deploy.local.part import Progress
from deploy.local.postgres import EmbeddedPostgres

# How long after a level's end the last outcomes may take.
PATIENCE_S: Final = 90.0


def run(rival: Rival, folder: Path, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    """The rival's figures, and what is wrong in its database (`faults`), which is to be nothing.

    Raises PartFailed where it does not start, OSError where it hangs up, and TimeoutError where it stops answering.
    """
    with EmbeddedPostgres(folder / "postgres", on_progress=on_progress) as server:
        server.create_databases(["hotel", "engine"])
        place = Place(folder, server.dsn("hotel", "hotel"), server.dsn("engine", "engine"))
        asyncio.run(data.fill(place.database_url, PROPERTIES, plan.requests))
        on_progress(f"starting {rival.title}")
        with place:
            return uvloop.run(_measure(rival.start(place), place, plan, on_progress))


async def _measure(running: Running, place: Place, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    load = HttpLoad(PROPERTIES, ports=running.ports, path=running.path, headers=running.headers)
    on_progress("warming up")
    async with asyncio.timeout(plan.warm_up[1] + PATIENCE_S):
        booked = len(await load.measure(*plan.warm_up))
    levels = []
    for clients, seconds, most in plan.levels:
        on_progress(f"measuring {clients} at once")
        async with asyncio.timeout(seconds + PATIENCE_S):
            levels.append(await load.level(clients, seconds, most))
        on_progress("{sagas_per_s:.0f} sagas/s, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms".format(**levels[-1]))
    booked += sum(level["sagas"] for level in levels)
    faults = await data.faults(place.database_url, booked - load.refused)
    if load.refused:
        faults.append(f"{load.refused} requests not confirmed, the last with {load.problem}")
    return {"levels": levels, "faults": faults}
