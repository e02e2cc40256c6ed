"""The engine's own tables, which every service has in its own database."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, LargeBinary, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


def service_metadata() -> MetaData:
    """Fresh metadata with the inbox, the outbox and its batches in it."""
    metadata = MetaData(naming_convention=NAMING)
    Table(
        "inbox",
        metadata,
        Column("message_key", Uuid, primary_key=True),
        Column("received_at", DateTime(timezone=True), nullable=False),
        Index("inbox_received_at_idx", "received_at", postgresql_using="brin"),
    )
    Table(
        "outbox",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary),
        Column("due_at", DateTime(timezone=True), nullable=False, index=True),
    )
    Table(
        "outbox_batches",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("packed", LargeBinary, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False, index=True),
    )
    return metadata


def sagas_table(metadata: MetaData) -> Table:
    """The table of a service that runs sagas: the state of each, and when it must be woken."""
    return Table(
        "sagas",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("name", Text, nullable=False),
        Column("phase", Text, nullable=False),
        Column("progress", JSONB, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("wake_at", DateTime(timezone=True)),
        Column("written", Uuid, nullable=False, comment="which write made this state"),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Index("sagas_wake_at_idx", "wake_at", postgresql_where=text("wake_at IS NOT NULL")),
        Index("sagas_running_idx", "started_at", postgresql_where=text("phase <> 'ended'")),
    )
