"""The outbox: messages that a transaction sends, committed with it; a row with a later due time is a timer.

Several that are sent at once are one batch in a table of its own (batches.py).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from shared.database.bulk import Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement, execute_together
from shared.ids import new_id
from shared.messages.message import Envelope, Headers, Outgoing
from shared.outbox import batches
from shared.outbox.batches import LeftBehind
from shared.outbox.row import Row

# How long the process that committed a row has it to itself, before a sweeper takes it for left behind.
GRACE = timedelta(seconds=5)
# Rows of a batch that are written in one statement: as JSON, where bytes count twice, the largest stay below the 256 MB
# that PostgreSQL takes.
ROWS_AT_ONCE = 50

NUL = "\0"  # text that PostgreSQL cannot keep; only a broken client sends it, and only in what we set aside

_REMOVE = "DELETE FROM outbox WHERE id = ANY($1::uuid[])"
_PUT_OFF = "UPDATE outbox SET due_at = $2 WHERE id = ANY($1::uuid[])"
_IS_DUE = """
SELECT EXISTS (SELECT FROM outbox WHERE due_at <= $1), EXISTS (SELECT FROM outbox_batches WHERE due_at <= $1)"""
_DUE = """
SELECT id, topic, key, headers, body FROM outbox
WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED"""


def _kept(headers: Headers) -> list[tuple[str, str]]:
    return [(name.replace(NUL, ""), value.decode("utf-8", "replace").replace(NUL, "")) for name, value in headers]


OUTBOX = Table(
    "outbox",
    Row,
    Column("key", "text", lambda row: row.key.replace(NUL, "")),
    Column("headers", "jsonb", lambda row: _kept(row.headers), lambda kept: [(name, it.encode()) for name, it in kept]),
    Column("due_at", "timestamptz", lambda row: row.due),
    without=("due", "urgent", "durable"),
)


def row_of(outgoing: Outgoing, source: str, cause: Envelope | None, now: datetime) -> Row:
    """The row of a message; it belongs to its cause's conversation and trace."""
    message = outgoing.message
    correlation = (cause.correlation if cause else "") or message.correlation
    row_id = new_id()
    envelope = Envelope(
        id=outgoing.id or str(row_id),
        type=message.type_name,
        source=source,
        correlation=correlation,
        causation=cause.id if cause else "",
        traceparent=cause.traceparent if cause else "",
        time=now,
        replay=outgoing.replay,
    )
    topic = outgoing.topic or message.topic
    body = message.model_dump_json(exclude_none=True).encode()
    return Row(
        row_id,
        topic.name,
        message.key,
        envelope.headers(),
        body,
        outgoing.due,
        message.is_urgent,
        message.durable or outgoing.due is not None,
    )


def changes(rows: Sequence[Row], now: datetime) -> list[Statement]:
    """The statements that write down the durable rows, a batch of them as one; none where there are none."""
    batch = batches.batch_in(rows)
    single = [row for row in rows if row.durable and (row.due or not batch)]
    statements = [batches.added(batch, now + GRACE)] if batch else []
    if single:
        statements.append(OUTBOX.insert([row if row.due else replace(row, due=now + GRACE) for row in single]))
    return statements


async def add(connection: Connection, rows: Sequence[Row], now: datetime) -> None:
    """Write rows down."""
    await execute_together(connection, changes(rows, now))


def at_once(rows: Sequence[Row], now: datetime) -> list[Row]:
    """The rows for the next sweep, where no publisher is at hand that sends them straight from memory."""
    return [replace(row, due=row.due or now) for row in rows]


async def remove(connection: Connection, ids: Sequence[UUID], whole: Sequence[UUID] = ()) -> None:
    """Drop rows that were sent, and batches that were sent whole."""
    statements = [Statement(_REMOVE, (ids,))] if ids else []
    await execute_together(connection, [*statements, *([batches.removed(whole)] if whole else [])])


async def put_off(connection: Connection, ids: Sequence[UUID], until: datetime) -> None:
    """Keep rows that cannot be sent out of the way of those that can."""
    await connection.execute(_PUT_OFF, ids, until)


async def what_is_due(connection: Connection, now: datetime) -> tuple[bool, bool]:
    """Whether there is a row whose time has come, and whether there is such a batch; cheaper than taking them."""
    ((row, batch),) = await connection.fetch(_IS_DUE, now)
    return row, batch


async def unpack_due(connection: Connection, now: datetime, arrived: Container[UUID]) -> list[UUID]:
    """Make rows of batches that were left behind, but for those that have `arrived`; returns the ids of the batches."""
    taken = await batches.take_due(connection, now)
    rows = [row for batch in taken if batch.id not in arrived for row in _in_order(batch)]
    for first in range(0, len(rows), ROWS_AT_ONCE):
        await execute_together(connection, [OUTBOX.insert(rows[first : first + ROWS_AT_ONCE])])
    return [batch.id for batch in taken]


def _in_order(batch: LeftBehind) -> list[Row]:
    """A batch's rows, due when it was, in their order among each other and among what was committed beside them."""
    moments = range(len(batch.rows), 0, -1)
    return [
        replace(row, due=batch.due - timedelta(microseconds=left))
        for row, left in zip(batch.rows, moments, strict=True)
    ]


async def take_due(connection: Connection, now: datetime, limit: int) -> list[Row]:
    """Lock rows whose time has come, passing over those that another instance has in hand."""
    return [OUTBOX.read(record) for record in await connection.fetch(_DUE, now, limit)]
