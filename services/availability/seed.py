"""Plants the reference property; what is there already, edited or not, is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from shared.database.pool import Connection
from shared.database.seeds import plant_files

FOLDER = Path(__file__).parent / "seed"

_PROPERTY = """
INSERT INTO properties (id, name, timezone, currency, tax_rate, prices_include_tax, hold_minutes, is_default)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id"""
# Where the delivered one was given up for another default it stays away; one's own is told that there is a default.
_OWN_PROPERTY = _PROPERTY.replace("ON CONFLICT", "ON CONFLICT (id)")
_TYPE = "INSERT INTO room_types VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
_ROOM = "INSERT INTO rooms (property_id, number, type_key) VALUES ($1, $2, $3)"
_PACKAGE = """
INSERT INTO packages (property_id, key, name, inclusions, types, first_night, last_night, cancellation_policy)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_RATE = """
INSERT INTO rates (property_id, package_key, type_key, first_night, last_night, weekdays, adult, child, extra_bed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
_SUPPLEMENT = "INSERT INTO supplements VALUES ($1, $2, $3, $4, $5)"
_FEE = "INSERT INTO fees VALUES ($1, $2, $3, $4)"

Row = tuple[Any, ...]


async def plant(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Write every property of the folder that is not there; returns the ids of those planted.

    Raises:
        BrokenSeed: for a file that is wrong.
    """
    new_property = _PROPERTY if folder == FOLDER else _OWN_PROPERTY
    return await plant_files(connection, folder, partial(_plant, new_property))


async def _plant(new_property: str, connection: Connection, given: Mapping[str, Any]) -> list[str]:
    house = given["property"]
    new = await connection.fetchval(
        new_property,
        house["id"],
        house["name"],
        house["timezone"],
        house["currency"],
        Decimal(house["tax_rate"]),
        house["prices_include_tax"],
        house["hold_minutes"],
        house.get("is_default", False),
    )
    if new is None:
        return []
    await connection.executemany(_TYPE, _types(house["id"], given["types"]))
    await connection.executemany(_ROOM, _rooms(house["id"], given["rooms"]))
    await connection.executemany(_PACKAGE, [_package(house["id"], package) for package in given["packages"]])
    await connection.executemany(_RATE, [_rate(house["id"], rate) for rate in given["rates"]])
    await connection.executemany(_SUPPLEMENT, [_supplement(house["id"], one) for one in given["supplements"]])
    await connection.executemany(_FEE, [_fee(house["id"], one) for one in given.get("fees", ())])
    return [house["id"]]


def _types(house: str, given: list[Mapping[str, Any]]) -> Iterator[Row]:
    for position, one in enumerate(given):
        yield (
            house,
            one["key"],
            one["label"],
            position,
            one["adults"],
            one["guests"],
            one["extra_beds"],
            one.get("is_place", False),
        )


def _rooms(house: str, given: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for type_key, numbers in given.items():
        for number in numbers.get("numbers") or _range(numbers):
            yield house, f"{numbers.get('prefix', '')}{number}{numbers.get('suffix', '')}", type_key


def _range(given: Mapping[str, Any]) -> list[int]:
    without = set(given.get("without", ()))
    return [number for number in range(given["from"], given["to"] + 1) if number not in without]


def _package(house: str, given: Mapping[str, Any]) -> Row:
    return (
        house,
        given["key"],
        given["name"],
        given["inclusions"],
        given.get("types"),
        _date(given.get("first_night")),
        _date(given.get("last_night")),
        given.get("cancellation_policy"),
    )


def _rate(house: str, given: Mapping[str, Any]) -> Row:
    amounts = (Decimal(given["adult"]), Decimal(given["child"]), Decimal(given["extra_bed"]))
    first, last = _date(given.get("first_night")), _date(given.get("last_night"))
    return (house, given["package"], given.get("type"), first, last, given.get("weekdays"), *amounts)


def _supplement(house: str, given: Mapping[str, Any]) -> Row:
    return house, given["package"], given["name"], Decimal(given["amount"]), given["unit"]


def _fee(house: str, given: Mapping[str, Any]) -> Row:
    return house, given["name"], Decimal(given["amount"]), given["unit"]


def _date(given: date | str | None) -> date | None:
    return date.fromisoformat(given) if isinstance(given, str) else given
