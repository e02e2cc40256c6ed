"""The inbox: what a service has handled, so that a second delivery changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.statements import Statement

_CLAIM = """
INSERT INTO inbox (message_key, received_at)
SELECT key, $2 FROM unnest($1::uuid[]) AS key ORDER BY key
ON CONFLICT DO NOTHING RETURNING message_key"""
_ARRIVED = "INSERT INTO inbox (message_key, received_at) SELECT key, $2 FROM unnest($1::uuid[]) AS key ORDER BY key"
_RELEASE = "DELETE FROM inbox WHERE message_key = ANY($1::uuid[])"
_FORGET = """
DELETE FROM inbox WHERE message_key IN (SELECT message_key FROM inbox WHERE received_at < $1 LIMIT 5000)"""


async def claim(connection: Connection, keys: Sequence[UUID], now: datetime) -> set[UUID]:
    """Write the keys down and return those that were not there.

    Keys go in one sorted order, so that two instances that meet wait for each other and never deadlock.
    """
    rows = await connection.fetch(_CLAIM, list(dict.fromkeys(keys)), now)
    return {row[0] for row in rows}


def arrived(keys: Sequence[UUID], now: datetime) -> Statement:
    """Writes down keys that are taken for new; one that was there already fails as a Conflict."""
    return Statement(_ARRIVED, (list(keys), now))


async def release(connection: Connection, keys: Sequence[UUID]) -> None:
    """Take back what was claimed for a message that came to nothing, so that it may come again under its id."""
    await connection.execute(_RELEASE, list(keys))


async def forget(connection: Connection, before: datetime) -> int:
    """Drop a slice of what was received before a moment that Kafka no longer redelivers from; returns how many."""
    status: str = await connection.execute(_FORGET, before)
    return int(status.rpartition(" ")[2])
