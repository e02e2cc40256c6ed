"""Seeds the reference property. A property that exists is not changed, whether or not it was edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from services.availability.catalogue import RateRecord, check_no_tie
from shared.database.pool import Connection
from shared.database.seeds import plant_files
from shared.errors import Refusal

FOLDER = Path(__file__).parent / "seed"

_PROPERTY = """
INSERT INTO properties (id, name, timezone, currency, tax_rate, prices_include_tax, hold_minutes, is_default)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id"""
# The reference property is skipped where another property is the default. An operator's own file fails instead.
_OWN_PROPERTY = _PROPERTY.replace("ON CONFLICT", "ON CONFLICT (id)")
_TYPE = "INSERT INTO room_types VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
_ROOM = "INSERT INTO rooms (property_id, number, type_key) VALUES ($1, $2, $3)"
_PACKAGE = """
INSERT INTO packages (property_id, key, name, inclusions, types, first_night, last_night, cancellation_policy)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_RATE = """
INSERT INTO rates (property_id, package_key, type_key, first_night, last_night, weekdays, season, rank, adult, child,
                   extra_bed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
_SUPPLEMENT = "INSERT INTO supplements VALUES ($1, $2, $3, $4, $5)"
_FEE = "INSERT INTO fees VALUES ($1, $2, $3, $4)"

Row = tuple[Any, ...]


async def plant(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Write every property of the folder that does not exist; returns the ids of those written.

    Raises:
        BrokenSeed: when a file is invalid.
    """
    new_property = _PROPERTY if folder == FOLDER else _OWN_PROPERTY
    return await plant_files(connection, folder, partial(_plant, new_property))


async def _plant(new_property: str, connection: Connection, given: Mapping[str, Any]) -> list[str]:
    facts = given["property"]
    property_id = facts["id"]
    new = await connection.fetchval(
        new_property,
        property_id,
        facts["name"],
        facts["timezone"],
        facts["currency"],
        Decimal(facts["tax_rate"]),
        facts["prices_include_tax"],
        facts["hold_minutes"],
        facts.get("is_default", False),
    )
    if new is None:
        return []
    _check_rates(property_id, given["rates"])
    await connection.executemany(_TYPE, _types(property_id, given["types"]))
    await connection.executemany(_ROOM, _rooms(property_id, given["rooms"]))
    await connection.executemany(_PACKAGE, [_package(property_id, package) for package in given["packages"]])
    await connection.executemany(_RATE, [_rate(property_id, rate) for rate in given["rates"]])
    await connection.executemany(
        _SUPPLEMENT, [_supplement(property_id, supplement) for supplement in given["supplements"]]
    )
    await connection.executemany(_FEE, [_fee(property_id, fee) for fee in given.get("fees", ())])
    return [property_id]


def _types(property_id: str, given: list[Mapping[str, Any]]) -> Iterator[Row]:
    for position, room_type in enumerate(given):
        yield (
            property_id,
            room_type["key"],
            room_type["label"],
            position,
            room_type["adults"],
            room_type["guests"],
            room_type["extra_beds"],
            room_type.get("is_place", False),
        )


def _rooms(property_id: str, given: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for type_key, numbers in given.items():
        for number in numbers.get("numbers") or _range(numbers):
            yield property_id, f"{numbers.get('prefix', '')}{number}{numbers.get('suffix', '')}", type_key


def _range(given: Mapping[str, Any]) -> list[int]:
    without = set(given.get("without", ()))
    return [number for number in range(given["from"], given["to"] + 1) if number not in without]


def _package(property_id: str, given: Mapping[str, Any]) -> Row:
    return (
        property_id,
        given["key"],
        given["name"],
        given["inclusions"],
        given.get("types"),
        _date(given.get("first_night")),
        _date(given.get("last_night")),
        given.get("cancellation_policy"),
    )


def _rate(property_id: str, given: Mapping[str, Any]) -> Row:
    amounts = (Decimal(given["adult"]), Decimal(given["child"]), Decimal(given["extra_bed"]))
    first, last = _date(given.get("first_night")), _date(given.get("last_night"))
    season, rank = given.get("season"), given.get("rank", 0)
    return (
        property_id,
        given["package"],
        given.get("type"),
        first,
        last,
        given.get("weekdays"),
        season,
        rank,
        *amounts,
    )


def _check_rates(property_id: str, given: list[Mapping[str, Any]]) -> None:
    """Refuse rates of which nobody can say which one counts.

    Raises:
        ValueError: naming both.
    """
    records = [RateRecord.model_validate({"property_id": property_id, **rate}) for rate in given]
    for place, record in enumerate(records):
        try:
            check_no_tie(record, records[:place])
        except Refusal as refusal:
            raise ValueError(refusal.text) from None


def _supplement(property_id: str, given: Mapping[str, Any]) -> Row:
    return property_id, given["package"], given["name"], Decimal(given["amount"]), given["unit"]


def _fee(property_id: str, given: Mapping[str, Any]) -> Row:
    return property_id, given["name"], Decimal(given["amount"]), given["unit"]


def _date(given: date | str | None) -> date | None:
    return date.fromisoformat(given) if isinstance(given, str) else given
