"""Availability's queries for free rooms: for counts and holds, and for a booking that moves to other nights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.availability.inventory.stay import Stay
from services.availability.unit_of_work import FreeKey
from shared.contracts.availability import ChangeRooms
from shared.database.pool import Connection

# Not NOT EXISTS: that is planned as a join, which reads a room's whole calendar and looks at the nights afterwards.
FREE = """
SELECT ask.number AS ask, array_agg(r.number ORDER BY r.number) AS rooms
FROM jsonb_to_recordset($1) AS ask (number int, property_id text, check_in date, check_out date, type_key text)
JOIN rooms r ON r.property_id = ask.property_id AND r.type_key = ask.type_key
WHERE (r.out_of_order_from IS NULL
       OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
  AND (SELECT true FROM room_nights n
       WHERE n.property_id = r.property_id AND n.room = r.number
         AND n.night >= ask.check_in AND n.night < ask.check_out LIMIT 1) IS NULL
GROUP BY ask.number"""
# For a booking that changes: also what has nobody in it but the booking itself.
_FREE_FOR = """
SELECT ask.number AS ask, r.type_key, array_agg(r.number ORDER BY r.number) AS rooms
FROM jsonb_to_recordset($1) AS ask (number int, property_id text, check_in date, check_out date, booking_id uuid)
JOIN rooms r ON r.property_id = ask.property_id
WHERE (r.out_of_order_from IS NULL
       OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
  AND (SELECT true FROM room_nights n
       WHERE n.property_id = r.property_id AND n.room = r.number AND n.booking_id <> ask.booking_id
         AND n.night >= ask.check_in AND n.night < ask.check_out LIMIT 1) IS NULL
GROUP BY ask.number, r.type_key"""
HELD_PLACES = """
SELECT r.type_key, count(DISTINCT n.room) AS held FROM room_nights n
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
JOIN room_types t ON t.property_id = r.property_id AND t.key = r.type_key AND t.is_place
JOIN holds h ON h.booking_id = n.booking_id AND h.state = 'held'
WHERE n.property_id = $1 AND n.night >= $2 AND n.night < $3 GROUP BY r.type_key"""
FreeRow = tuple[str, Stay, str]


async def free_rooms_of(connection: Connection, rows: Sequence[FreeRow]) -> dict[FreeKey, dict[str, list[str]]]:
    asked = [_asked(number, house, stay, type_key=key) for number, (house, stay, key) in enumerate(rows)]
    free: dict[FreeKey, dict[str, list[str]]] = {}
    for record in await connection.fetch(FREE, asked):
        house, stay, type_key = rows[record["ask"]]
        free.setdefault((house, stay), {})[type_key] = record["rooms"]
    return free


async def free_for_changes(
    connection: Connection, messages: Sequence[ChangeRooms]
) -> dict[tuple[UUID, Stay], dict[str, list[str]]]:
    stays = [Stay(message.check_in, message.check_out) for message in messages]
    asked = [
        _asked(number, message.property_id, stay, booking_id=message.booking_id)
        for number, (message, stay) in enumerate(zip(messages, stays, strict=True))
    ]
    free: dict[tuple[UUID, Stay], dict[str, list[str]]] = {}
    for row in await connection.fetch(_FREE_FOR, asked):
        key = messages[row["ask"]].booking_id, stays[row["ask"]]
        free.setdefault(key, {})[row["type_key"]] = row["rooms"]
    return free


def _asked(number: int, property_id: str, stay: Stay, **more: Any) -> dict[str, Any]:
    facts = {"number": number, "property_id": property_id, "check_in": stay.check_in, "check_out": stay.check_out}
    return facts | more
