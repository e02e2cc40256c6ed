"""One rival under the load: a database server of its own, its processes, the levels, and what is true afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.rivals.engines import data
from benchmarks.rivals.engines.choice import Rival, Running
from benchmarks.rivals.plan import PROPERTIES, Plan
from benchmarks.rivals.run.http_load import HttpLoad
from benchmarks.rivals.run.levels import climb
from benchmarks.rivals.run.place import Place
from deploy.local.backend import Progress
from deploy.local.postgres import EmbeddedPostgres


def run(rival: Rival, folder: Path, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    """The rival's figures, what is wrong in its database (`faults`, to be nothing), what ended it early (`failed`).

    Raises BackendFailed where it does not start.
    """
    with EmbeddedPostgres(folder / "postgres", on_progress=on_progress) as server:
        server.create_databases(["hotel", "engine"])
        place = Place(folder, server.owner_dsn("hotel"), server.owner_dsn("engine"))
        asyncio.run(data.fill(place.database_url, PROPERTIES, plan.requests))
        on_progress(f"starting {rival.title}")
        with place:
            found = uvloop.run(_measure(rival.start(place), place, plan, on_progress))
            if found["failed"]:
                on_progress(place.last_words())
            return found


async def _measure(running: Running, place: Place, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    load = HttpLoad(PROPERTIES, ports=running.ports, path=running.path, headers=running.headers)
    done = await climb(load, plan, on_progress)
    # What was still under way when somebody hung up may be half done: nothing can be said of it.
    faults = [] if done.failed else await data.faults(place.database_url, done.booked - load.refused)
    if load.refused:
        faults.append(f"{load.refused} requests not confirmed, the last with {load.problem}")
    return {"levels": done.levels, "faults": faults, "failed": done.failed}
