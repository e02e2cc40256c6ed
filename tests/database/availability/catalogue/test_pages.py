"""Listings are read page by page: every record once, in one order, whatever conditions it leaves out."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from itertools import product

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.catalogue.model import BY_KIND
from services.availability.catalogue.queries import PAGE
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.settings import Settings
from shared.database.pool import Connection, Database
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
NEW_YEAR = date(2030, 1, 1)
TABLES = {"type": "room_types", "room": "rooms", "package": "packages", "rate": "rates", "fee": "fees"}


async def fill(connection: Connection) -> None:
    """Two properties' worth of more than two pages of rooms and rates, beside what was planted."""
    for property_ in ("alta", "zona"):
        await connection.execute(
            "INSERT INTO properties (id, name, timezone, currency, tax_rate, prices_include_tax, hold_minutes)"
            " VALUES ($1, 'Long', 'UTC', 'USD', 0, false, 20)",
            property_,
        )
        await connection.execute(
            "INSERT INTO room_types (property_id, key, label, position, adults, guests, extra_beds, is_place)"
            " SELECT $1, 'type' || n, 'Type ' || n, n % 7, 2, 2, 0, false FROM generate_series(1, 300) AS n",
            property_,
        )
        await connection.execute(
            "INSERT INTO rooms (property_id, number, type_key)"
            " SELECT $1, n::text, 'type1' FROM generate_series(1, $2::int) AS n",
            property_,
            2 * PAGE + 1,
        )
        await connection.execute(
            "INSERT INTO packages (property_id, key, name, inclusions) VALUES ($1, 'plain', 'Plain', '{}')", property_
        )
        nights = [None, *(NEW_YEAR + timedelta(days=day) for day in range(8))]
        weekdays: list[list[int] | None] = [None, [1], [6, 7]]
        rates = [
            (property_, type_key, first, last, days)
            for type_key, first, last, days in product((None, "type1", "type2"), nights, nights, weekdays)
        ]
        await connection.executemany(
            "INSERT INTO rates (property_id, package_key, type_key, first_night, last_night, weekdays, adult, child,"
            " extra_bed) VALUES ($1, 'plain', $2, $3, $4, $5, 1, 1, 1)",
            [rate for rate in rates if not (rate[2] and rate[3] and rate[3] < rate[2])],
        )


@pytest.mark.parametrize("property_", [None, "alta", "zona", "las-hojas", "none"])
async def test_every_record_is_in_one_page(database: Database, property_: str | None) -> None:
    async with database.connection() as connection:
        await fill(connection)
        counted = {
            kind: await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE $1::text IS NULL OR property_id = $1",  # noqa: S608 — of ours
                property_,
            )
            for kind, table in TABLES.items()
        }
    records = CatalogueRepository(database)
    for kind in BY_KIND:
        pages = [page async for page in records.pages(kind, property_)]
        assert all(len(page) == PAGE for page in pages[:-1])
        found = [record for page in pages for record in page]
        assert len({record.key for record in found}) == len(found)
        assert {record.property_id for record in found} <= ({property_} if property_ else {"alta", "zona", "las-hojas"})
        assert len(found) == counted.get(kind, len(found))
        if kind == "room" and property_ == "alta":
            assert [record.key[1] for record in found] == [str(number) for number in range(1, 2 * PAGE + 2)]
        if kind == "rate" and property_ == "alta":
            assert len(pages) > 2
            assert [record.key[2] is None for record in found] == sorted(record.key[2] is None for record in found)


async def test_an_export_of_many_pages_is_whole(fresh_database: FreshDatabase) -> None:
    built = build(Settings(database_url=fresh_database("availability")))
    await built.database.open()
    async with built.database.connection() as connection:
        await fill(connection)
        counted = await connection.fetchval("SELECT count(*) FROM rates")
    async with AsyncClient(transport=ASGITransport(built.app()), base_url="http://availability") as http:
        lines = list(csv.DictReader(io.StringIO((await http.get("/catalogue/export")).text)))
    assert sum(line["record"] == "rate" for line in lines) == counted > 2 * PAGE
    await built.database.close()
