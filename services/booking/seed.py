"""Plants the reference property; what is there already, edited or not, is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from shared.database.pool import Connection
from shared.database.seeds import plant_files

FOLDER = Path(__file__).parent / "seed"

_PROPERTY = """
INSERT INTO properties (id, name, timezone, contact, policy, multi_room, multi_room_guests, is_default, check_in_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id"""
# The delivered property is not planted where another one is the default; a seed of one's own is refused then.
_OWN_PROPERTY = _PROPERTY.replace("ON CONFLICT", "ON CONFLICT (id)")
_CANCELLATION = """
INSERT INTO cancellation_policies (property_id, name, free_hours, first_night, percentage)
VALUES ($1, $2, $3, $4, $5)"""
_COUNTER = "INSERT INTO code_counters VALUES ($1, $2, $3)"


async def plant(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Write every property of the folder that is not there; returns the ids of those planted.

    Raises:
        BrokenSeed: for a file that is wrong.
    """
    new_property = _PROPERTY if folder == FOLDER else _OWN_PROPERTY
    return await plant_files(connection, folder, partial(_plant, new_property))


async def _plant(new_property: str, connection: Connection, given: Mapping[str, Any]) -> list[str]:
    new = await connection.fetchval(new_property, *_row(given))
    if new is None:
        return []
    await connection.execute(_COUNTER, given["id"], given["code_prefix"], given["first_code"])
    if terms := given.get("cancellation"):
        await connection.execute(_CANCELLATION, given["id"], *_terms(terms))
    return [given["id"]]


def _row(given: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        given["id"],
        given["name"],
        given["timezone"],
        given["contact"],
        given["policy"],
        given["multi_room"],
        given.get("multi_room_guests", []),
        given.get("is_default", False),
        time.fromisoformat(given.get("check_in_time", "15:00")),
    )


def _terms(given: Mapping[str, Any]) -> tuple[Any, ...]:
    percentage = Decimal(str(given.get("percentage", 0)))
    return given["name"], given.get("free_hours"), given.get("first_night", False), percentage
