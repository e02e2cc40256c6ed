"""Plants copies of the reference property, so that a load has rooms enough and properties to spread over."""

from __future__ import annotations

import asyncpg

REFERENCE = "las-hojas"
NIGHTS = 300
BOOKINGS_A_NIGHT = 12  # of three Junior rooms each, of the 37 that the reference property has

_AVAILABILITY = (
    """INSERT INTO properties SELECT ids.id, name, timezone, currency, tax_rate, prices_include_tax, hold_minutes, false
       FROM properties, unnest($1::text[]) AS ids (id) WHERE properties.id = $2""",
    """INSERT INTO room_types SELECT ids.id, key, label, position, adults, guests, extra_beds, is_place
       FROM room_types, unnest($1::text[]) AS ids (id) WHERE property_id = $2""",
    """INSERT INTO rooms SELECT ids.id, number, type_key, NULL, NULL
       FROM rooms, unnest($1::text[]) AS ids (id) WHERE property_id = $2""",
    """INSERT INTO packages SELECT ids.id, key, name, inclusions, types, first_night, last_night
       FROM packages, unnest($1::text[]) AS ids (id) WHERE property_id = $2""",
    """INSERT INTO rates (property_id, package_key, type_key, adult, child, extra_bed)
       SELECT ids.id, package_key, type_key, adult, child, extra_bed
       FROM rates, unnest($1::text[]) AS ids (id) WHERE property_id = $2""",
)
_BOOKING = (
    """INSERT INTO properties SELECT ids.id, name, timezone, contact, policy, multi_room, multi_room_guests, false
       FROM properties, unnest($1::text[]) AS ids (id) WHERE properties.id = $2""",
    """INSERT INTO code_counters SELECT id, 'B' || split_part(id, '-', 2) || '-', 1 FROM unnest($1::text[]) AS ids (id)
       WHERE $2 <> ''""",
)


def names(number: int) -> list[str]:
    """The ids of so many copies."""
    return [f"bench-{n}" for n in range(number)]


async def plant(availability_url: str, booking_url: str, number: int) -> None:
    """Write the copies into both services' databases."""
    for url, statements in ((availability_url, _AVAILABILITY), (booking_url, _BOOKING)):
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement, names(number), REFERENCE)
        finally:
            await connection.close()
