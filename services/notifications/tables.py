"""The table of deliveries; its unique constraint promises one message for each event, recipient and channel."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from services.notifications.deliveries import Audience, Status
from shared.contracts.common import Channel
from shared.tables import service_metadata

metadata = service_metadata()


def _one_of(column: str, values: type[Status] | type[Audience] | type[Channel]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


deliveries = Table(
    "deliveries",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("booking_id", Uuid, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("subject", Text),
    Column("text", Text, nullable=False),
    Column("html", Text),
    Column("place", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("provider", Text),
    Column("provider_id", Text),
    Column("provider_status", Text),
    Column("problem", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    UniqueConstraint("booking_id", "occasion", "recipient", "channel"),
    _one_of("audience", Audience),
    _one_of("channel", Channel),
    _one_of("status", Status),
    # Claiming reads it: small, because it forgets what is done.
    Index("deliveries_pending_idx", "channel", "due_at", postgresql_where=text("status = 'pending'")),
)
