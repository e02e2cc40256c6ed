"""How many places of a type there are for each day: places are added, or removed where no booking has them."""

from __future__ import annotations

from datetime import date

from services.availability.catalogue.model import IN_USE
from shared.database.pool import Connection
from shared.errors import Refusal

PLACES = "SELECT number FROM rooms WHERE property_id = $1 AND type_key = $2 ORDER BY length(number) DESC, number DESC"
_FREE_PLACES = """
SELECT r.number FROM rooms r WHERE r.property_id = $1 AND r.type_key = $2 AND r.number NOT IN (
  SELECT n.room FROM room_nights n WHERE n.property_id = $1 AND n.night >= $3)
ORDER BY length(r.number) DESC, r.number DESC"""
_REMOVE_PLACES = "DELETE FROM rooms WHERE property_id = $1 AND number = ANY($2)"
_ADD_PLACES = """
INSERT INTO rooms (property_id, number, type_key)
SELECT $1, unnest($3::text[]), $2 ON CONFLICT (property_id, number) DO NOTHING"""


async def remove_places(connection: Connection, property_id: str, key: str, number: int, today: date) -> None:
    """Remove places that are free from today on.

    Raises:
        Refusal: in_use, when too many are booked.
    """
    free = [row["number"] for row in await connection.fetch(_FREE_PLACES, property_id, key, today)]
    if len(free) < number:
        text = f"only {len(free)} places are free of bookings on every day to come, {number} would have to go"
        raise Refusal(IN_USE, f"{text}; choose a larger capacity", field="capacity", removable=len(free))
    await connection.execute(_REMOVE_PLACES, property_id, free[:number])


async def add_places(connection: Connection, property_id: str, key: str, number: int) -> None:
    """Add places under the numbers P1, P2 … that no room of the property has."""
    rows = await connection.fetch("SELECT number FROM rooms WHERE property_id = $1", property_id)
    used = {row["number"] for row in rows}
    names = (f"P{n}" for n in range(1, len(used) + number + 1) if f"P{n}" not in used)
    added = [name for name, _ in zip(names, range(number), strict=False)]
    await connection.execute(_ADD_PLACES, property_id, key, added)
