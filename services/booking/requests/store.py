"""The counters of reservation codes: a property's prefix and a running number."""

from __future__ import annotations

from collections.abc import Mapping

from shared.database.pool import Connection

_TAKE = """
UPDATE code_counters c SET next = c.next + wanted.number
FROM (SELECT * FROM unnest($1::text[], $2::int[]) AS w (property_id, number) ORDER BY 1) AS wanted
WHERE c.property_id = wanted.property_id
RETURNING c.property_id, c.prefix, c.next - wanted.number AS first, wanted.number"""


async def take_codes(connection: Connection, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """So many new codes of each property, no more and no less.

    Raises:
        LookupError: when a property has no counter.
    """
    if not wanted:
        return {}
    rows = await connection.fetch(_TAKE, list(wanted), list(wanted.values()))
    if without := wanted.keys() - {row["property_id"] for row in rows}:
        raise LookupError(f"no counter of reservation codes for {', '.join(sorted(without))}: seed the property again")
    return {row["property_id"]: [f"{row['prefix']}{row['first'] + n}" for n in range(row["number"])] for row in rows}
