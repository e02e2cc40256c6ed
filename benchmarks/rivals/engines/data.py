"""What every rival's database holds before the run, and what has to be true of it afterwards."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from benchmarks.bookings import properties as bench_properties

# As the reference property of Posada's seed: its rooms of the type that is booked.
JUNIOR_ROOMS = 37


async def fill(url: str, properties: int, payments: int) -> None:
    """Make the tables, the properties' rooms and counters, and the payments that requests will name."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
        names = bench_properties.names(properties)
        await connection.execute(
            """INSERT INTO rooms SELECT property_id, number::text, 'Junior'
               FROM unnest($1::text[]) AS property_id, generate_series(1, $2) AS number""",
            names,
            JUNIOR_ROOMS,
        )
        await connection.execute(
            "INSERT INTO code_counters SELECT id, 'B' || split_part(id, '-', 2) || '-', 1 FROM unnest($1::text[]) id",
            names,
        )
        await connection.execute(
            "INSERT INTO payments (authorization_number, amount) SELECT 'A' || n, 690 FROM generate_series(0, $1) n",
            payments,
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


_BROKEN = {
    "room-nights sold twice": """
        SELECT count(*) FROM (
            SELECT FROM (
                SELECT property_id, unnest(rooms) AS room, check_in, check_out FROM holds WHERE state <> 'released') h,
                generate_series(h.check_in, h.check_out - 1, '1 day') AS night
            GROUP BY property_id, room, night HAVING count(*) > 1) twice""",
    "room-nights that no booking has": """
        SELECT count(*) FROM room_nights n LEFT JOIN holds h USING (booking_id) WHERE h.state IS DISTINCT FROM 'booked'
    """,
    "bookings without all their rooms": """
        SELECT count(*) FROM bookings b WHERE 3 <> (SELECT count(*) FROM room_nights n WHERE n.booking_id = b.id)""",
    "bookings without all their codes": """
        SELECT count(*) FROM bookings b WHERE 3 <> (SELECT count(DISTINCT code) FROM codes c WHERE c.booking_id = b.id)
    """,
    "bookings without their money": """
        SELECT count(*) FROM bookings b LEFT JOIN reservations r ON r.booking_id = b.id
        LEFT JOIN payments p ON p.id = r.payment_id
        WHERE r.state IS DISTINCT FROM 'captured' OR p.captured IS DISTINCT FROM b.amount""",
    "payments captured without a booking": """
        SELECT count(*) FROM payments p WHERE captured > 0
            AND NOT EXISTS (SELECT FROM reservations r JOIN bookings b ON b.id = r.booking_id WHERE r.payment_id = p.id)
    """,
    "payments reserved and left": "SELECT count(*) FROM payments WHERE reserved > 0",
}


async def faults(url: str, bookings: int) -> list[str]:
    """What is not as it has to be after so many confirmed bookings; nothing when all is right."""
    connection = await asyncpg.connect(url)
    try:
        found = {name: await connection.fetchval(query) for name, query in _BROKEN.items()}
        written = await connection.fetchval("SELECT count(*) FROM bookings")
    finally:
        await connection.close()
    broken = [f"{number} {name}" for name, number in found.items() if number]
    return broken if written == bookings else [*broken, f"{written} bookings written, {bookings} confirmed"]
