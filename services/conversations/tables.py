"""The tables of threads, their messages, and the bookings that they are about; one thread a tenant and apartment."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import service_metadata

metadata = service_metadata()

bookings = Table(
    "bookings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("contact", Text, nullable=False, index=True),
    Column("guest_name", Text, nullable=False),
    Column("property_id", Text, nullable=False),
    Column("property_name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("rooms", ARRAY(Text), nullable=False),
    Column("check_in", Date, nullable=False),
    Column("check_out", Date, nullable=False),
    Column("confirmed_at", DateTime(timezone=True), nullable=False),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("subscriber_id", Text, primary_key=True),
    Column("phone", Text, nullable=False, index=True),
)

threads = Table(
    "threads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("contact", Text, nullable=False),
    Column("property_id", Text),
    Column("room", Text),
    Column("booking_id", Uuid),
    Column("provider_thread_id", Text),
    Column("name", Text, nullable=False),
    Column("participants", JSONB, nullable=False),
    Column("first_message_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    CheckConstraint("(property_id IS NULL) = (room IS NULL)", name="apartment"),
    # Two, because NULLs are distinct to a unique index: the second is for threads without an apartment.
    Index(
        "threads_contact_apartment_key",
        "contact",
        "property_id",
        "room",
        unique=True,
        postgresql_where=text("room IS NOT NULL"),
    ),
    Index("threads_contact_key", "contact", unique=True, postgresql_where=text("room IS NULL")),
)

messages = Table(
    "messages",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("thread_id", Uuid, ForeignKey("threads.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("channel", "message_id"),
    Index("messages_thread_id_number_idx", "thread_id", "number"),
)
