"""Inbox, outbox, bookings, threads with their messages, replies, and what was read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("bookings", "inbox", "outbox", "outbox_batches", "subscribers", "threads", "messages", "readings", "replies")
WORDS_OF = """
CREATE FUNCTION words_of(given text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT to_tsvector('simple'::regconfig, regexp_replace(
    regexp_replace(lower(normalize(given, NFKD)), '[\\u0300-\\u036f]', '', 'g'),
    '[\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]', ' ', 'g'))
$$"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(WORDS_OF)
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("guest_name", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("property_name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column(
            "versions",
            postgresql.JSONB(),
            nullable=False,
            comment="since when, revision, check-in, check-out and rooms of each",
        ),
        sa.Column("off_at", MOMENT, comment="since when the guests are no longer expected"),
        sa.PrimaryKeyConstraint("id", name=op.f("bookings_pkey")),
    )
    op.create_index(op.f("bookings_contact_idx"), "bookings", ["contact"])
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("message_key", name=op.f("inbox_pkey")),
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], postgresql_using="brin")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
    )
    op.create_index(op.f("outbox_due_at_idx"), "outbox", ["due_at"])
    op.create_table(
        "outbox_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_batches_pkey")),
    )
    op.create_index(op.f("outbox_batches_due_at_idx"), "outbox_batches", ["due_at"])
    # A batch is gone within a second: packing it smaller costs more than it saves.
    op.execute("ALTER TABLE outbox_batches ALTER COLUMN packed SET STORAGE EXTERNAL")
    op.create_table(
        "subscribers",
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("subscribers_pkey")),
    )
    op.create_index(op.f("subscribers_phone_idx"), "subscribers", ["phone"])
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
        sa.Column("first_message_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_message_at", MOMENT),
        sa.Column("relinked_at", MOMENT),
        sa.Column("errand_due_at", MOMENT),
        sa.Column("errand_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("errand_problem", sa.Text()),
        sa.CheckConstraint("(property_id IS NULL) = (room IS NULL)", name=op.f("threads_apartment_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("threads_pkey")),
    )
    op.create_index(
        "threads_contact_apartment_key",
        "threads",
        ["contact", "property_id", "room"],
        unique=True,
        postgresql_where=sa.text("room IS NOT NULL"),
    )
    op.create_index("threads_contact_idx", "threads", ["contact"])
    op.create_index(
        "threads_contact_key", "threads", ["contact"], unique=True, postgresql_where=sa.text("room IS NULL")
    )
    op.create_index(
        "threads_errand_due_at_idx", "threads", ["errand_due_at"], postgresql_where=sa.text("errand_due_at IS NOT NULL")
    )
    op.create_index(
        "threads_last_message_at_idx", "threads", [sa.literal_column("coalesce(last_message_at, created_at)"), "id"]
    )
    op.create_index(
        "threads_provider_thread_id_key",
        "threads",
        ["provider_thread_id"],
        unique=True,
        postgresql_where=sa.text("provider_thread_id IS NOT NULL"),
    )
    op.create_table(
        "messages",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("sender", sa.Text()),
        sa.Column("attachments", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("messages_thread_id_fkey")),
        sa.PrimaryKeyConstraint("number", name=op.f("messages_pkey")),
        sa.UniqueConstraint("channel", "message_id", name=op.f("messages_channel_message_id_key")),
    )
    op.create_index("messages_search_idx", "messages", [sa.literal_column("words_of(text)")], postgresql_using="gin")
    op.create_index("messages_thread_id_number_idx", "messages", ["thread_id", "number"])
    op.create_index(
        "messages_unread_idx", "messages", ["thread_id", "number"], postgresql_where=sa.text("author = 'tenant'")
    )
    op.create_table(
        "readings",
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("read_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("readings_thread_id_fkey")),
        sa.PrimaryKeyConstraint("thread_id", "reader", name=op.f("readings_pkey")),
    )
    op.create_table(
        "replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("message_id", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("replies_thread_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("replies_pkey")),
        sa.UniqueConstraint("thread_id", "idempotency_key", name=op.f("replies_thread_id_idempotency_key_key")),
    )
    op.create_index("replies_due_at_idx", "replies", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    # ### end Alembic commands ###


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION words_of(text)")
