"""What the staff's API reads, without locks: what came of a command, and where its booking is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.database.pool import Connection

Row = Mapping[str, Any]

_COMMAND = "SELECT * FROM commands WHERE id = $1"
_PROPERTY_OF = "SELECT property_id FROM bookings WHERE id = $1"
_ACCOUNT = """
SELECT id, status, check_in, check_out, total, currency, charges, paid, fee, refund, revision
FROM bookings WHERE id = $1"""


async def command(connection: Connection, command_id: UUID) -> Row | None:
    """What came of a command."""
    row: Row | None = await connection.fetchrow(_COMMAND, command_id)
    return row


async def property_of(connection: Connection, booking_id: UUID) -> str | None:
    """Whose a booking is."""
    whose: str | None = await connection.fetchval(_PROPERTY_OF, booking_id)
    return whose


async def account(connection: Connection, booking_id: UUID) -> Row | None:
    """Where a booking is, and what it costs."""
    row: Row | None = await connection.fetchrow(_ACCOUNT, booking_id)
    return row
