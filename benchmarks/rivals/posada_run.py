"""Posada under the same load: five services over Kafka, the outcome read back from its topic, and the floor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop

from benchmarks import floor, houses
from benchmarks.load import Load
from benchmarks.rivals.plan import PROPERTIES, Plan
from deploy.local.part import Progress
from posada.town import Town

SETTLE_TIMEOUT_S: Final = 120.0
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
    """Posada's figures, with `floor_ms`; `settled_s` is how long after the last outcome everything behind it was done.

    Raises SystemExit when an invariant is broken.
    """
    town = Town(
        folder,
        kafka_heap_mb=512,
        kafka_full_jit=True,
        env={"POSADA_LOG_LEVEL": "WARNING", "POSADA_LOG_JSON": "1"},
        on_progress=on_progress,
    )
    with town:
        return uvloop.run(_measure(town, plan, on_progress))


async def _measure(town: Town, plan: Plan, on_progress: Progress) -> dict[str, Any]:
    urls = {service: town.database_url(service) for service in ("availability", "booking", "payments")}
    await houses.plant(urls["availability"], urls["booking"], PROPERTIES)
    load = Load(PROPERTIES, bootstrap=town.kafka_bootstrap, payments_url=urls["payments"])
    await load.start()
    on_progress("letting payments arrive")
    await load.pay(plan.requests)
    on_progress("warming up")
    booked = len(await load.measure(*plan.warm_up))
    levels, floors = [], []
    for clients, seconds, most in plan.levels:
        if clients == 1:
            floors.append(await floor.measure(town.kafka_bootstrap, urls))
        on_progress(f"measuring {clients} at once")
        levels.append(await load.level(clients, seconds, most))
        on_progress("{sagas_per_s:.0f} sagas/s, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms".format(**levels[-1]))
        if clients == 1:
            floors.append(await floor.measure(town.kafka_bootstrap, urls))
    settled = await settle(urls)
    await load.stop()
    booked += sum(level["sagas"] for level in levels)
    return {
        "levels": levels,
        "settled_s": round(settled, 1),
        "faults": await faults(urls, booked, load.refused),
        "floor_ms": round(sum(floors) / len(floors), 2),
    }


async def settle(urls: Mapping[str, str]) -> float:
    """Wait until all that outcomes leave to be done is done; returns the seconds that took.

    Raises SystemExit when it takes over two minutes.
    """
    began = time.monotonic()
    while left := await ask(urls["booking"], _UNSETTLED):
        if time.monotonic() - began > SETTLE_TIMEOUT_S:
            raise SystemExit(f"{left} sagas have not ended {SETTLE_TIMEOUT_S:g} s after the last outcome")
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
