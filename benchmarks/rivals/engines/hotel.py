"""The hotel that every rival books in: what a guest wants, the statements of the five steps, and their refusals.

Each step is one statement, and so one transaction and one commit; done twice it changes nothing the second time,
since every engine may repeat a step after a crash.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final, TypedDict
from uuid import NAMESPACE_URL, UUID, uuid5

DATABASE_VARIABLE: Final = "HOTEL_DATABASE_URL"
# How often rooms are looked for anew when somebody else was first.
LOOKS: Final = 10

HOLD: Final = """
WITH free AS (
    SELECT r.number FROM rooms r
    WHERE r.property_id = $2 AND r.type_key = $3 AND NOT EXISTS (
        SELECT FROM room_nights n
        WHERE n.property_id = r.property_id AND n.room = r.number AND n.night >= $4 AND n.night < $5)
    ORDER BY r.number LIMIT $6 FOR NO KEY UPDATE OF r SKIP LOCKED
), held AS (
    INSERT INTO holds (booking_id, property_id, check_in, check_out, rooms, state)
    SELECT $1, $2, $4, $5, array_agg(number), 'held' FROM free HAVING count(*) = $6
    ON CONFLICT (booking_id) DO NOTHING
    RETURNING booking_id, rooms
), taken AS (
    INSERT INTO room_nights (property_id, room, night, booking_id)
    SELECT $2, room, night, booking_id
    FROM held, unnest(rooms) AS room, generate_series($4::date, $5::date - 1, '1 day') AS night
)
SELECT rooms FROM held"""
HELD: Final = "SELECT rooms FROM holds WHERE booking_id = $1 AND state <> 'released'"

RESERVE: Final = """
WITH paid AS (
    UPDATE payments SET reserved = reserved + $3
    WHERE authorization_number = $2 AND amount - reserved - captured >= $3
        AND NOT EXISTS (SELECT FROM reservations WHERE booking_id = $1)
    RETURNING id
)
INSERT INTO reservations (booking_id, payment_id, amount, state)
SELECT $1, id, $3, 'reserved' FROM paid RETURNING state"""
RESERVED: Final = "SELECT state FROM reservations WHERE booking_id = $1 AND state <> 'released'"

CONFIRM: Final = """
WITH counter AS (
    UPDATE code_counters SET next = next + cardinality($7::text[])
    WHERE property_id = $2 AND NOT EXISTS (SELECT FROM bookings WHERE id = $1)
    RETURNING prefix, next - cardinality($7::text[]) AS first
), booked AS (
    INSERT INTO bookings (id, property_id, check_in, check_out, guest, amount)
    SELECT $1, $2, $3, $4, $5, $6 FROM counter RETURNING id
)
INSERT INTO codes (code, booking_id, room)
SELECT prefix || first + place, id, room FROM counter, booked, unnest($7::text[]) WITH ORDINALITY AS r (room, place)
RETURNING code"""
CONFIRMED: Final = "SELECT code FROM codes WHERE booking_id = $1 ORDER BY code"

BOOK: Final = "UPDATE holds SET state = 'booked', codes = $2 WHERE booking_id = $1 AND state = 'held'"

CAPTURE: Final = """
WITH done AS (
    UPDATE reservations SET state = 'captured' WHERE booking_id = $1 AND state = 'reserved' RETURNING payment_id, amount
)
UPDATE payments p SET reserved = p.reserved - done.amount, captured = p.captured + done.amount, codes = $2
FROM done WHERE p.id = done.payment_id"""

RELEASE_ROOMS: Final = """
WITH released AS (UPDATE holds SET state = 'released' WHERE booking_id = $1 AND state = 'held' RETURNING booking_id)
DELETE FROM room_nights USING released WHERE room_nights.booking_id = released.booking_id"""

RELEASE_PAYMENT: Final = """
WITH released AS (
    UPDATE reservations SET state = 'released' WHERE booking_id = $1 AND state = 'reserved' RETURNING payment_id, amount
)
UPDATE payments p SET reserved = p.reserved - released.amount FROM released WHERE p.id = released.payment_id"""


class Refused(Exception):
    """The answer is no; asking again gets the same one."""


class Wish(TypedDict):
    """What a guest wants, in a form that every engine can write down: dates and amounts are strings."""

    booking_id: str
    property_id: str
    type: str
    rooms: int
    check_in: str
    check_out: str
    guest: str
    amount: str
    authorization_number: str


def wish_of(request: dict[str, Any]) -> Wish:
    """A gateway's booking request as a wish; raises KeyError where something is missing."""
    return Wish(
        booking_id=str(uuid5(NAMESPACE_URL, request["request_id"])),
        property_id=request["property_id"],
        type=request["rooms"][0]["type"],
        rooms=len(request["rooms"]),
        check_in=request["check_in"],
        check_out=request["check_out"],
        guest=request["guest"]["name"],
        amount=request["payment"]["amount"],
        authorization_number=request["payment"]["authorization_number"],
    )


def for_hold(wish: Wish) -> tuple[Any, ...]:
    """HOLD's parameters."""
    stay = date.fromisoformat(wish["check_in"]), date.fromisoformat(wish["check_out"])
    return UUID(wish["booking_id"]), wish["property_id"], wish["type"], *stay, wish["rooms"]


def for_reserve(wish: Wish) -> tuple[Any, ...]:
    """RESERVE's parameters."""
    return UUID(wish["booking_id"]), wish["authorization_number"], Decimal(wish["amount"])


def for_confirm(wish: Wish, rooms: list[str]) -> tuple[Any, ...]:
    """CONFIRM's parameters."""
    stay = date.fromisoformat(wish["check_in"]), date.fromisoformat(wish["check_out"])
    return UUID(wish["booking_id"]), wish["property_id"], *stay, wish["guest"], Decimal(wish["amount"]), rooms
