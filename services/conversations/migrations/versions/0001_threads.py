"""Inbox, outbox, bookings, subscribers, threads and messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_engine_tables()
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("guest_name", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("property_name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("rooms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("check_in", sa.Date(), nullable=False),
        sa.Column("check_out", sa.Date(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="bookings_pkey"),
    )
    op.create_index("bookings_contact_idx", "bookings", ["contact"])
    op.create_table(
        "subscribers",
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name="subscribers_pkey"),
    )
    op.create_index("subscribers_phone_idx", "subscribers", ["phone"])
    _create_threads()


def _create_engine_tables() -> None:
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("message_key", name="inbox_pkey"),
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], postgresql_using="brin")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
    )
    op.create_index("outbox_due_at_idx", "outbox", ["due_at"])


def _create_threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text()),
        sa.Column("room", sa.Text()),
        sa.Column("booking_id", sa.Uuid()),
        sa.Column("provider_thread_id", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("participants", postgresql.JSONB(), nullable=False),
        sa.Column("first_message_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="threads_pkey"),
        sa.CheckConstraint("(property_id IS NULL) = (room IS NULL)", name="apartment"),
    )
    op.create_index(
        "threads_contact_apartment_key",
        "threads",
        ["contact", "property_id", "room"],
        unique=True,
        postgresql_where=sa.text("room IS NOT NULL"),
    )
    op.create_index(
        "threads_contact_key", "threads", ["contact"], unique=True, postgresql_where=sa.text("room IS NULL")
    )
    op.create_table(
        "messages",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="messages_pkey"),
        sa.UniqueConstraint("channel", "message_id", name="messages_channel_message_id_key"),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name="messages_thread_id_fkey"),
    )
    op.create_index("messages_thread_id_number_idx", "messages", ["thread_id", "number"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("messages", "threads", "subscribers", "bookings", "outbox", "inbox"):
        op.drop_table(table)
