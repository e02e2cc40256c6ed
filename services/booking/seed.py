"""Plants the reference property; what is there already, edited or not, is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.database import Connection
from shared.seeds import read_seeds

FOLDER = Path(__file__).parent / "seed"

_PROPERTY = """
INSERT INTO properties (id, name, timezone, contact, policy, multi_room, multi_room_guests, is_default, check_in_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id"""
_CANCELLATION = """
INSERT INTO cancellation_policies (property_id, name, free_hours, first_night, percentage)
VALUES ($1, $2, $3, $4, $5)"""
_COUNTER = "INSERT INTO code_counters VALUES ($1, $2, $3)"


async def plant(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Write every property of the folder that is not there; returns the ids of those planted."""
    planted = []
    for given in read_seeds(folder):
        async with connection.transaction():
            new = await connection.fetchval(_PROPERTY, *_row(given))
            if new:
                await connection.execute(_COUNTER, given["id"], given["code_prefix"], given["first_code"])
                if terms := given.get("cancellation"):
                    await connection.execute(_CANCELLATION, given["id"], *_terms(terms))
                planted.append(given["id"])
    return planted


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
