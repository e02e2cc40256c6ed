"""Posada under the same load: five services over Kafka, the outcome read back from its topic, and the floor."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop

from benchmarks.bookings import floor, properties
from benchmarks.bookings.cluster import measured_cluster
from benchmarks.bookings.load import Load
from benchmarks.rivals.plan import PROPERTIES, Plan
from benchmarks.rivals.run.levels import climb
from deploy.local.backend import BACKENDS_VARIABLE, Progress
from posada.cluster.cluster import LocalCluster

SETTLE_TIMEOUT_S: Final = 120.0
# The rivals' PostgreSQL and ours are started the same way, whatever else this machine has.
OWN_BACKENDS: Final = {**os.environ, BACKENDS_VARIABLE: "embedded"}
# A saga ends when everything behind its decision has been acknowledged.
_UNSETTLED: Final = "SELECT count(*) FROM sagas WHERE phase <> 'ended'"
_COUNTS: Final = {
    "bookings": ("booking", "SELECT count(*) FROM bookings WHERE confirmation_number IS NOT NULL"),
    "stays": ("booking", "SELECT count(DISTINCT code) FROM stays"),
    "room-nights": ("availability", "SELECT count(DISTINCT (property_id, room, night)) FROM room_nights"),
    "captured payments": ("payments", "SELECT count(*) FROM payments WHERE captured = 690 AND reserved = 0"),
}
_SOLD_TWICE: Final = """
    SELECT count(*) FROM (
        SELECT FROM (
            SELECT property_id, unnest(rooms) AS room, check_in, check_out FROM holds WHERE state <> 'released') h,
            generate_series(h.check_in, h.check_out - 1, '1 day') AS night
        GROUP BY property_id, room, night HAVING count(*) > 1) twice"""


def run(folder: Path, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    """Posada's figures as `rival_run.run` gives them, with the floor (`floor_ms`).

    `settled_s` is how long after the last outcome everything behind it was done. Raises BackendFailed where it does not
    start, TimeoutError where payments do not arrive.
    """
    cluster = measured_cluster(
        folder,
        environ=OWN_BACKENDS,
        on_progress=on_progress,
    )
    with cluster:
        return uvloop.run(_measure(cluster, plan, on_progress))


async def _measure(cluster: LocalCluster, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    urls = {service: cluster.database_url(service) for service in ("availability", "booking", "payments")}
    await properties.plant(urls["availability"], urls["booking"], PROPERTIES)
    load = Load(PROPERTIES, bootstrap=cluster.kafka_bootstrap, payments_url=urls["payments"], secrets=cluster.secrets)
    await load.start()
    on_progress("letting payments arrive")
    await load.pay(plan.requests)
    floors: list[float] = []

    async def measure_floor() -> None:
        on_progress("measuring the floor")
        floors.append(await floor.measure(cluster, plan.rounds))

    done = await climb(load, plan, on_progress, beside_one=measure_floor)
    found: dict[str, Any] = {"levels": done.levels, "faults": [], "failed": done.failed}
    if floors:
        found["floor_ms"] = round(sum(floors) / len(floors), 2)
    if not done.failed:
        try:
            found["settled_s"] = round(await settle(urls), 1)
        except TimeoutError as late:
            found["failed"] = str(late)
        else:
            found["faults"] = await faults(urls, done.booked, load.refused)
    await load.stop()
    return found


async def settle(urls: Mapping[str, str]) -> float:
    """Wait until all that outcomes leave to be done is done; returns the seconds that took.

    Raises TimeoutError when it takes over two minutes.
    """
    began = time.monotonic()
    while left := await ask(urls["booking"], _UNSETTLED):
        if time.monotonic() - began > SETTLE_TIMEOUT_S:
            raise TimeoutError(f"{left} sagas have not ended {SETTLE_TIMEOUT_S:g} s after the last outcome")
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def faults(urls: Mapping[str, str], booked: int, refused: int) -> list[str]:
    """What is not as it has to be after so many confirmed bookings of three rooms; nothing when all is right."""
    found = {name: await ask(urls[service], query) for name, (service, query) in _COUNTS.items()}
    wanted = {"bookings": booked, "stays": 3 * booked, "room-nights": 3 * booked, "captured payments": booked}
    broken = [f"{found[name]} {name}, not {number}" for name, number in wanted.items() if found[name] != number]
    if twice := await ask(urls["availability"], _SOLD_TWICE):
        broken.append(f"{twice} room-nights sold twice")
    return [*broken, f"{refused} requests not confirmed"] if refused else broken


async def ask(url: str, query: str) -> int:
    """One number from a database."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
