"""The tables of notifications; a unique constraint promises one message for each event, recipient and channel."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.delivery.model import Audience, Channel, Form, Status
from services.notifications.events.reminders import State
from shared.database.tables import service_metadata

metadata = service_metadata()


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
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
    Column("page", JSONB, comment="an e-mail's words in parts"),
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
    Column("calendar", JSONB, comment="what a calendar shows of the stay"),
    Column("template", JSONB),
    Column("property_id", Text, nullable=False, server_default=""),
    Column("timezone", Text, nullable=False, server_default="UTC"),
    Column("urgent", Boolean, nullable=False, server_default=true()),
    Column("form", Text, nullable=False, server_default="free"),
    Column("unsure", Boolean, nullable=False, server_default=false()),
    Column("leased_until", DateTime(timezone=True)),
    Column("waits_since", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
    Column("read_at", DateTime(timezone=True)),
    Column("traceparent", Text, nullable=False, server_default=""),
    UniqueConstraint("booking_id", "occasion", "recipient", "channel"),
    _one_of("audience", Audience),
    _one_of("channel", Channel),
    _one_of("status", Status),
    _one_of("form", Form),
    # Claiming reads it: small, because it forgets what is done.
    Index("deliveries_pending_idx", "channel", "due_at", postgresql_where=text("status = 'pending'")),
    Index("deliveries_provider_idx", "provider_id", "provider", postgresql_where=text("provider_id IS NOT NULL")),
    Index("deliveries_finished_at_idx", "finished_at", postgresql_using="brin"),
)

agenda = Table(
    "agenda",
    metadata,
    Column("booking_id", Uuid, primary_key=True),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("booked", JSONB, nullable=False),
    Column("left_on", Date),
    _one_of("state", State),
)

last_heard = Table(
    "last_heard",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("heard_at", DateTime(timezone=True), nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("fate", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("said", Text),
    Column("problem", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("applied", Boolean, nullable=False, server_default=false()),
    Column("failures", SmallInteger, nullable=False, server_default=text("0"), comment="Attempts to apply it."),
    UniqueConstraint("provider", "provider_id", "fate"),
    Index("reports_unapplied_idx", "id", postgresql_where=text("NOT applied")),
)

alarms = Table(
    "alarms",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("alarm_id", Uuid, nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("cleared_at", DateTime(timezone=True)),
)
