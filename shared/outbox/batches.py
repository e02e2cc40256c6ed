"""Batches of the outbox: all rows that one transaction sends at once, packed into one row of the database.

Nearly every row is sent and removed within a second, so the database need not know what is in it. A batch that was not
sent within its grace, as its process died or Kafka was away, is unpacked into rows of the outbox, each of which is then
sent, put off or left by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.messages.message import Headers
from shared.outbox.row import Row

MOST_UNPACKED: Final = 20  # batches in one transaction; each may have some hundred rows
MOST_BYTES: Final = 16 * 1024 * 1024  # of them; a batch that is larger is unpacked alone
_ADD = "INSERT INTO outbox_batches (id, due_at, packed) VALUES ($1, $2, $3)"
_REMOVE = "DELETE FROM outbox_batches WHERE id = ANY($1::uuid[])"
_TAKE_DUE = """
DELETE FROM outbox_batches WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(octet_length(packed)) OVER (ORDER BY due_at, id) - octet_length(packed) AS before FROM (
            SELECT id, due_at, packed FROM outbox_batches
            WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due) AS summed
    WHERE before < $3)
RETURNING id, due_at, packed"""

_LENGTH = Struct(">I")
_NOTHING = 0xFFFFFFFF  # the length of a body that is null: a tombstone
_ID, _TOPIC, _KEY, _URGENT, _BODY, _HEADERS = range(6)  # a row's fields in their order, names and values last


class LeftBehind(NamedTuple):
    """A batch that was not sent within its grace, which ended when it was `due`."""

    id: UUID
    due: datetime
    rows: list[Row]


def batch_in(rows: Sequence[Row]) -> list[Row]:
    """Of a transaction's rows those that are its batch: what is sent at once and durable, where that is several."""
    at_once = [row for row in rows if row.due is None and row.durable]
    return at_once if len(at_once) > 1 else []


def id_of(batch: Sequence[Row]) -> UUID:
    """A batch is known by its first row's id."""
    return batch[0].id


def added(batch: Sequence[Row], due: datetime) -> Statement:
    """Writes down a batch; from `due` on it counts as left behind."""
    return Statement(_ADD, (id_of(batch), due, pack(batch)))


def removed(ids: Collection[UUID]) -> Statement:
    """Drops batches all of whose rows were sent."""
    return Statement(_REMOVE, (ids,))


async def take_due(connection: Connection, now: datetime) -> list[LeftBehind]:
    """Take batches that were left behind out of their table, passing over those that another instance takes."""
    taken = await connection.fetch(_TAKE_DUE, now, MOST_UNPACKED, MOST_BYTES)
    return [LeftBehind(row["id"], row["due_at"], unpack(row["packed"])) for row in taken]


def pack(rows: Sequence[Row]) -> bytes:
    """The rows in bytes: of each the number of its fields, their lengths, and the fields themselves."""
    parts: list[bytes] = []
    for row in rows:
        urgent = b"1" if row.urgent else b""
        fields = [row.id.bytes, row.topic.encode(), row.key.encode(), urgent, row.body or b""]
        for name, value in row.headers:
            fields += (name.encode(), value)
        lengths = [len(field) for field in fields]
        if row.body is None:
            lengths[_BODY] = _NOTHING
        parts.append(_packing(len(fields) + 1)(len(fields), *lengths))
        parts += fields
    return b"".join(parts)


def unpack(packed: bytes) -> list[Row]:
    """The rows as they were packed; none is due by itself any more."""
    rows: list[Row] = []
    at = 0
    while at < len(packed):
        (number,) = _LENGTH.unpack_from(packed, at)
        lengths = Struct(f">{number}I").unpack_from(packed, at + _LENGTH.size)
        at += _LENGTH.size * (number + 1)
        fields: list[bytes] = []
        for length in lengths:
            end = at + (0 if length == _NOTHING else length)
            fields.append(packed[at:end])
            at = end
        body = None if lengths[_BODY] == _NOTHING else fields[_BODY]
        rows.append(
            Row(
                UUID(bytes=fields[_ID]),
                fields[_TOPIC].decode(),
                fields[_KEY].decode(),
                _headers(fields[_HEADERS:]),
                body,
                urgent=bool(fields[_URGENT]),
            )
        )
    return rows


def _headers(fields: Sequence[bytes]) -> Headers:
    return [(name.decode(), value) for name, value in zip(fields[::2], fields[1::2], strict=True)]


@lru_cache
def _packing(numbers: int) -> Callable[..., bytes]:
    return Struct(f">{numbers}I").pack
