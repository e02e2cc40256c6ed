"""The queries for free rooms: for counts and holds, and for a booking that changes its dates."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.availability.stay import Stay
from services.availability.unit_of_work import FreeKey
from shared.contracts.availability import (
    ChangeRooms,
)
from shared.database.pool import Connection

# NOT EXISTS is planned as a join, which reads a room's whole calendar before it filters the nights.
FREE = """
SELECT ask.number AS ask, array_agg(r.number ORDER BY r.number) AS rooms
FROM unnest($1::text[], $2::date[], $3::date[], $4::text[]) WITH ORDINALITY
       AS ask (property_id, check_in, check_out, type_key, number)
JOIN rooms r ON r.property_id = ask.property_id AND r.type_key = ask.type_key
WHERE (r.out_of_order_from IS NULL
       OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
  AND (SELECT true FROM room_nights n
       WHERE n.property_id = r.property_id AND n.room = r.number
         AND n.night >= ask.check_in AND n.night < ask.check_out LIMIT 1) IS NULL
GROUP BY ask.number"""
# For a booking that changes its dates: rooms that only this booking occupies count as free.
_FREE_FOR = """
SELECT ask.number AS ask, r.type_key, array_agg(r.number ORDER BY r.number) AS rooms
FROM unnest($1::text[], $2::date[], $3::date[], $4::uuid[]) WITH ORDINALITY
       AS ask (property_id, check_in, check_out, booking_id, number)
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
    """The free rooms of each property, stay and type: by property and stay, then by type."""
    records = await connection.fetch(
        FREE,
        [property_id for property_id, _, _ in rows],
        [stay.check_in for _, stay, _ in rows],
        [stay.check_out for _, stay, _ in rows],
        [type_key for _, _, type_key in rows],
    )
    free: dict[FreeKey, dict[str, list[str]]] = {}
    for record in records:
        property_id, stay, type_key = rows[record["ask"] - 1]
        free.setdefault((property_id, stay), {})[type_key] = record["rooms"]
    return free


async def free_for_changes(
    connection: Connection, messages: Sequence[ChangeRooms]
) -> dict[tuple[UUID, Stay], dict[str, list[str]]]:
    """The rooms that each booking could have on its new nights: by booking and stay, then by type."""
    rows = await connection.fetch(
        _FREE_FOR,
        [message.property_id for message in messages],
        [message.check_in for message in messages],
        [message.check_out for message in messages],
        [message.booking_id for message in messages],
    )
    free: dict[tuple[UUID, Stay], dict[str, list[str]]] = {}
    for row in rows:
        message = messages[row["ask"] - 1]
        key = message.booking_id, Stay(message.check_in, message.check_out)
        free.setdefault(key, {})[row["type_key"]] = row["rooms"]
    return free
