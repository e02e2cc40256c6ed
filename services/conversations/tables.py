"""The tables of threads, their messages, and the bookings that they are about; one thread a tenant and apartment."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables import service_metadata

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
    Column("versions", JSONB, nullable=False, comment="since when, revision, check-in, check-out and rooms of each"),
    Column("off_at", DateTime(timezone=True), comment="since when the guests are no longer expected"),
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
    Column("settled", Boolean, nullable=False, server_default=false()),
    Column("last_message_at", DateTime(timezone=True)),
    Column("relinked_at", DateTime(timezone=True)),
    Column("errand_due_at", DateTime(timezone=True)),
    Column("errand_attempts", Integer, nullable=False, server_default=text("0")),
    Column("errand_problem", Text),
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
    Index(
        "threads_provider_thread_id_key",
        "provider_thread_id",
        unique=True,
        postgresql_where=text("provider_thread_id IS NOT NULL"),
    ),
    Index("threads_contact_idx", "contact"),  # the unique ones are partial, and serve no search by contact alone
    Index("threads_errand_due_at_idx", "errand_due_at", postgresql_where=text("errand_due_at IS NOT NULL")),
    # For the console's list, newest first.
    Index("threads_last_message_at_idx", text("coalesce(last_message_at, created_at)"), "id"),
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
    Column("provider", Text),
    Column("sender", Text),
    Column("attachments", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    UniqueConstraint("channel", "message_id"),
    Index("messages_thread_id_number_idx", "thread_id", "number"),
    Index("messages_unread_idx", "thread_id", "number", postgresql_where=text("author = 'tenant'")),
    Index("messages_search_idx", text("words_of(text)"), postgresql_using="gin"),  # a function of the migration
)

replies = Table(
    "replies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("thread_id", Uuid, ForeignKey("threads.id"), nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True)),
    Column("message_id", Text),
    Column("problem", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    UniqueConstraint("thread_id", "idempotency_key"),
    Index("replies_due_at_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

readings = Table(
    "readings",
    metadata,
    Column("thread_id", Uuid, ForeignKey("threads.id"), primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("read_at", DateTime(timezone=True), nullable=False),
)
