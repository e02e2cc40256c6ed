"""Counts and holds at four sizes and as a property fills, with their query plans; and a fight for the last rooms.

Runs availability's own code (consumer, repository, statements) on a real PostgreSQL, without Kafka. Prints one JSON
object on standard output, and tables and plans for people on standard error. `--quick` leaves out the largest size.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from benchmarks.services.consumer import AT_ONCE, Teller, rate_and_percentiles, stderr, table
from deploy.local.choice import choose_backends
from deploy.local.databases import PostgresBackend
from services.availability.consumers import routes
from services.availability.inventory.store import FREE, TAKE_NIGHTS, Night
from services.availability.repository import Repository
from services.availability.seed import plant
from services.availability.stay import Stay
from shared.clock import system_clock
from shared.contracts.availability import CountRequested, HoldRooms, RoomsHeld, RoomWish
from shared.database.migrations import upgrade
from shared.database.pool import Database
from shared.messages.message import Message

NIGHTS = 730
WARM_UP, SAMPLES = 100, 600
RIVALS, LAST_ROOMS, REQUESTS = 8, 20, 500
FILLS = (0.0, 0.5, 0.9, 0.98)

_CLEAR = """
TRUNCATE room_nights, holds, inbox, outbox, outbox_batches, outside_inventories, fees, supplements, rates, packages,
         rooms, room_types, properties CASCADE"""
# Copies of the reference property with so many rooms each, half of them Junior; a room is taken week by week.
_FILL = (
    """INSERT INTO properties SELECT 'p-' || n, 'P ' || n, timezone, currency, tax_rate, prices_include_tax, 15, false
       FROM properties, generate_series(1, $1::int) n WHERE id = 'las-hojas'""",
    """INSERT INTO room_types SELECT p.id, key, label, position, adults, guests, extra_beds, is_place
       FROM room_types t, properties p WHERE t.property_id = 'las-hojas' AND p.id <> 'las-hojas' AND $1 > 0""",
    """INSERT INTO packages SELECT p.id, k.key, k.name, inclusions, types, first_night, last_night
       FROM packages k, properties p WHERE k.property_id = 'las-hojas' AND p.id <> 'las-hojas' AND $1 > 0""",
    """INSERT INTO rates (property_id, package_key, type_key, adult, child, extra_bed)
       SELECT p.id, package_key, type_key, adult, child, extra_bed
       FROM rates r, properties p WHERE r.property_id = 'las-hojas' AND p.id <> 'las-hojas' AND $1 > 0""",
)
_ROOMS = """
INSERT INTO rooms (property_id, number, type_key)
SELECT p.id, n::text, (ARRAY['bungalow_junior', 'bungalow_familiar', 'bungalow_junior', 'habitacion'])[n % 4 + 1]
FROM properties p, generate_series(1, $1::int) n WHERE p.id <> 'las-hojas'"""
_TAKE = """
INSERT INTO room_nights (property_id, room, night, booking_id)
SELECT w.property_id, w.number, $1::date + w.week * 7 + d, w.booking FROM (
  SELECT property_id, number, week, gen_random_uuid() AS booking FROM rooms, generate_series(0, $2::int / 7 - 1) week
  WHERE property_id <> 'las-hojas' AND random() < $3) w, generate_series(0, 6) d"""

_ONLY_SO_MANY = """
UPDATE rooms SET out_of_order_from = '2000-01-01' WHERE type_key = 'bungalow_junior' AND number NOT IN (
  SELECT number FROM rooms WHERE type_key = 'bungalow_junior' AND property_id = 'p-1' LIMIT $1)"""


@dataclass(frozen=True, slots=True)
class Size:
    """So many properties of so many rooms, and the share of room-nights that is taken."""

    name: str
    properties: int
    rooms: int
    fill: float = 0.7


SIZES = (
    Size("small", 1, 20),
    Size("one of 90 rooms", 1, 90),
    Size("one large property", 1, 2000),
    Size("500 properties", 500, 90),
)


def main() -> None:
    """Start a server, measure, print, stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = SIZES[:3] if "--quick" in sys.argv else SIZES
    with tempfile.TemporaryDirectory(prefix="posada-bench-") as folder, _server(Path(folder)) as server:
        server.create_databases(["availability"])
        url = server.owner_dsn("availability")
        upgrade("availability", url)
        figures = asyncio.run(_measure(url, sizes))
    sys.stdout.write(json.dumps(figures) + "\n")


def _server(folder: Path) -> PostgresBackend:
    return choose_backends(folder, os.environ).postgres


async def _measure(url: str, sizes: Sequence[Size]) -> dict[str, Any]:
    figures: dict[str, Any] = {"sizes": [], "fills": []}
    for size in sizes:
        await _build(url, size)
        figures["sizes"].append(await _of(url, size, {"size": size.name, "rooms": size.properties * size.rooms}))
        await _plans(url, size)
    stderr.print(table("By size", figures["sizes"]))
    for fill in FILLS:
        size = Size("as it fills", 1, 2000, fill)
        await _build(url, size)
        figures["fills"].append(await _of(url, size, {"fill": fill}))
    stderr.print(table("2,000 rooms, as the property fills", figures["fills"]))
    figures["contention"] = [await _fight(url, rivals) for rivals in (1, RIVALS)]
    stderr.print(table(f"{REQUESTS} requests", figures["contention"]))
    return figures


async def _build(url: str, size: Size) -> None:
    stderr.print(f"[dim]building {size}[/]")
    connection = await asyncpg.connect(url)
    await connection.execute(_CLEAR)
    await plant(connection)
    for statement in _FILL:
        await connection.execute(statement, size.properties)
    await connection.execute(_ROOMS, size.rooms)
    first = system_clock().date() + timedelta(days=10)
    await connection.execute("SELECT setseed(0.5)")
    await connection.execute(_TAKE, first, NIGHTS, size.fill)
    for name in ("room_nights", "rooms", "holds", "inbox", "outbox", "outbox_batches"):
        await connection.execute(f"VACUUM (ANALYZE) {name}")
    await connection.close()


async def _of(url: str, size: Size, facts: dict[str, Any]) -> dict[str, Any]:
    database = Database(url, connections=AT_ONCE + 1)
    await database.open()
    async with database.connection() as connection:
        facts["room_nights"] = await connection.fetchval("SELECT count(*) FROM room_nights")
    dice = random.Random(11)  # noqa: S311 — a load that can be repeated
    tellers = [_teller(database) for _ in range(AT_ONCE + 1)]
    facts |= await rate_and_percentiles("count", tellers, partial(_count, size, dice), WARM_UP, SAMPLES)
    facts |= await rate_and_percentiles("hold", tellers, partial(_hold, size, dice), WARM_UP, SAMPLES)
    await database.close()
    return facts


def _dates(dice: random.Random) -> dict[str, date]:
    first = system_clock().date() + timedelta(days=10 + dice.randrange(NIGHTS - 10))
    return {"check_in": first, "check_out": first + timedelta(days=dice.choice((1, 2, 3)))}


def _count(size: Size, dice: random.Random) -> Message:
    property_id = f"p-{dice.randrange(size.properties) + 1}"
    return CountRequested(request_id=str(uuid4()), property_id=property_id, **_dates(dice))


def _hold(size: Size, dice: random.Random) -> Message:
    return _wants(f"p-{dice.randrange(size.properties) + 1}", _dates(dice))


def _wants(property_id: str, dates: dict[str, date]) -> HoldRooms:
    rooms = (RoomWish(line=1, type="Junior", adults=2),)
    return HoldRooms(booking_id=uuid4(), property_id=property_id, package="Las Hojas", rooms=rooms, **dates)


async def _fight(url: str, rivals: int) -> dict[str, Any]:
    """So many instances handle requests for the last rooms of a type for one night; then the same with room enough."""
    facts: dict[str, Any] = {"instances": rivals}
    for name, left in (("fighting", LAST_ROOMS), ("with room for all", 2000)):
        await _build(url, Size(name, 1, 2000, 0.0))
        night = system_clock().date() + timedelta(days=30)
        dates = {"check_in": night, "check_out": night + timedelta(days=1)}
        database = Database(url, connections=rivals + 1)
        await database.open()
        async with database.connection() as connection:
            await connection.execute(_ONLY_SO_MANY, left)
        tellers = [_teller(database) for _ in range(rivals)]
        queue = [_wants("p-1", dates) for _ in range(REQUESTS)]
        began = time.perf_counter()
        await asyncio.gather(*[_all(teller, queue[n::rivals]) for n, teller in enumerate(tellers)])
        facts[f"{name}: requests/s"] = round(REQUESTS / (time.perf_counter() - began))
        facts[f"{name}: sold"] = sum(teller.answers(RoomsHeld) for teller in tellers)
        async with database.connection() as connection:
            written = await connection.fetchval("SELECT count(*) FROM room_nights")
        await database.close()
        if not facts[f"{name}: sold"] == written == min(left, REQUESTS):
            raise SystemExit(f"{written} rooms were sold, {facts} confirmed: the figures would mean nothing")
    return facts


def _teller(database: Database) -> Teller:
    return Teller(database, routes(Repository()))


async def _all(teller: Teller, messages: Sequence[Message]) -> None:
    for message in messages:
        await teller.tell(message)


async def _plans(url: str, size: Size) -> None:
    """The plans that the service's own sessions use."""
    database = Database(url)
    await database.open()
    first = system_clock().date() + timedelta(days=200)
    stay = Stay(first, first + timedelta(days=2))
    asked = {"property_id": "p-1", "check_in": stay.check_in, "check_out": stay.check_out}
    free = [asked | {"number": 0}]
    nights = [Night("p-1", room, first + timedelta(days=2000), uuid4())._asdict() for room in ("1", "2")]
    explained = (("count of all types", FREE, free), ("hold", TAKE_NIGHTS, nights))
    async with database.connection() as connection:
        for name, sql, rows in explained:
            stderr.print(f"[bold]{size.name}: {name}[/]")
            transaction = connection.transaction()
            await transaction.start()
            for row in await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}", rows):
                stderr.print(f"  {row[0]}", highlight=False, markup=False)
            await transaction.rollback()
    await database.close()


if __name__ == "__main__":
    main()
