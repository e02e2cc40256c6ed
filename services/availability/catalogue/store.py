"""Properties as batches see them: what one has and costs, read from all of the catalogue's tables."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg

from services.availability.catalogue.property import Fee, Outside, Package, Property, RoomType, Supplement, Unit
from services.availability.catalogue.rate_order import Rate
from shared.database.pool import Connection

_PROPERTIES = """
SELECT p.*,
  (SELECT json_agg(t ORDER BY t.position) FROM room_types t WHERE t.property_id = p.id) AS types,
  (SELECT json_agg(k ORDER BY k.key) FROM packages k WHERE k.property_id = p.id) AS packages,
  (SELECT json_agg(s ORDER BY s.package_key, s.name) FROM supplements s WHERE s.property_id = p.id) AS supplements,
  (SELECT json_agg(f ORDER BY f.name) FROM fees f WHERE f.property_id = p.id) AS fees,
  (SELECT row_to_json(o) FROM outside_inventories o WHERE o.property_id = p.id) AS outside
FROM properties p WHERE p.id = ANY($1)"""
_RATES = "SELECT * FROM rates WHERE property_id = ANY($1) ORDER BY id"
_DEFAULT = "SELECT id FROM properties WHERE is_default"
_SOME = "SELECT id FROM properties ORDER BY id LIMIT 20"


async def properties_of(connection: Connection, ids: Collection[str]) -> dict[str, Property]:
    """Those of these properties that there are."""
    rates: dict[str, list[Rate]] = {}
    for row in await connection.fetch(_RATES, ids):
        rates.setdefault(row["property_id"], []).append(_rate(row))
    rows = await connection.fetch(_PROPERTIES, ids)
    return {row["id"]: _property(row, tuple(rates.get(row["id"], ()))) for row in rows}


async def default_property(connection: Connection) -> str | None:
    """The one that is meant where none is named."""
    found: str | None = await connection.fetchval(_DEFAULT)
    return found


async def some_properties(connection: Connection) -> list[str]:
    """The ids of some that there are."""
    return [row["id"] for row in await connection.fetch(_SOME)]


def _property(row: asyncpg.Record, rates: tuple[Rate, ...]) -> Property:
    types = [_room_type(given) for given in json.loads(row["types"] or "[]")]
    packages = [_package(given) for given in json.loads(row["packages"] or "[]")]
    return Property(
        id=row["id"],
        name=row["name"],
        timezone=row["timezone"],
        currency=row["currency"],
        tax_rate=row["tax_rate"],
        prices_include_tax=row["prices_include_tax"],
        hold_minutes=row["hold_minutes"],
        types={room_type.key: room_type for room_type in types},
        packages={package.key: package for package in packages},
        rates=rates,
        supplements=tuple(_supplement(given) for given in _exact(row["supplements"])),
        fees=tuple(Fee(given["name"], given["amount"], Unit(given["unit"])) for given in _exact(row["fees"])),
        outside=_outside(row["outside"]),
    )


def _outside(text: str | None) -> Outside | None:
    if text is None:
        return None
    given = json.loads(text)
    facts = {name: float(given[name]) for name in ("seconds", "pause_seconds")}
    return Outside(given["base_url"], given["prefix"], given["cancels"], attempts=given["attempts"], **facts)


def _room_type(given: dict[str, Any]) -> RoomType:
    names = ("key", "label", "adults", "guests", "extra_beds", "is_place")
    return RoomType(**{name: given[name] for name in names})


def _package(given: dict[str, Any]) -> Package:
    types = given["types"]
    return Package(
        key=given["key"],
        name=given["name"],
        types=frozenset(types) if types is not None else None,
        first=_date(given["first_night"]),
        last=_date(given["last_night"]),
        inclusions=tuple(given["inclusions"]),
        cancellation_policy=given["cancellation_policy"],
    )


def _supplement(given: dict[str, Any]) -> Supplement:
    return Supplement(given["package_key"], given["name"], given["amount"], Unit(given["unit"]))


def _rate(row: asyncpg.Record) -> Rate:
    return Rate(
        package=row["package_key"],
        adult=row["adult"],
        child=row["child"],
        extra_bed=row["extra_bed"],
        type=row["type_key"],
        first=row["first_night"],
        last=row["last_night"],
        weekdays=frozenset(row["weekdays"]) if row["weekdays"] is not None else None,
        season=row["season"],
        rank=row["rank"],
    )


def _exact(given: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(given or "[]", parse_float=Decimal, parse_int=Decimal)
    return found


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
