"""What a console needs: attachments, search, unread counts, replies; and errands at the provider.

Everything is added beside what is there: the version before this one goes on working on the new schema.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Words without case, accents and punctuation, in any language and whatever the server's locale takes for a letter.
# Immutable, so that an index can be made of it.
WORDS_OF = """
CREATE FUNCTION words_of(given text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT to_tsvector('simple'::regconfig, regexp_replace(
    regexp_replace(lower(normalize(given, NFKD)), '[\\u0300-\\u036f]', '', 'g'),
    '[\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]', ' ', 'g'))
$$"""


def upgrade() -> None:
    """Add columns, indexes and tables, and fill in what is known of older threads."""
    _widen_threads()
    _widen_messages()
    _create_replies()
    op.create_table(
        "readings",
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("thread_id", "reader", name="readings_pkey"),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name="readings_thread_id_fkey"),
    )


def _widen_threads() -> None:
    op.add_column("threads", sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("threads", sa.Column("last_message_at", sa.DateTime(timezone=True)))
    op.add_column("threads", sa.Column("relinked_at", sa.DateTime(timezone=True)))
    op.add_column("threads", sa.Column("errand_due_at", sa.DateTime(timezone=True)))
    op.add_column("threads", sa.Column("errand_attempts", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("threads", sa.Column("errand_problem", sa.Text()))
    op.execute(
        "UPDATE threads SET settled = room IS NOT NULL,"
        " last_message_at = (SELECT max(sent_at) FROM messages WHERE messages.thread_id = threads.id)"
    )
    op.create_index(
        "threads_provider_thread_id_key",
        "threads",
        ["provider_thread_id"],
        unique=True,
        postgresql_where=sa.text("provider_thread_id IS NOT NULL"),
    )
    op.create_index("threads_contact_idx", "threads", ["contact"])
    op.create_index(
        "threads_errand_due_at_idx",
        "threads",
        ["errand_due_at"],
        postgresql_where=sa.text("errand_due_at IS NOT NULL"),
    )
    op.create_index("threads_last_message_at_idx", "threads", [sa.text("coalesce(last_message_at, created_at)"), "id"])


def _widen_messages() -> None:
    op.add_column("messages", sa.Column("provider", sa.Text()))
    op.add_column("messages", sa.Column("sender", sa.Text()))
    op.add_column(
        "messages",
        sa.Column("attachments", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
    )
    op.create_index(
        "messages_unread_idx", "messages", ["thread_id", "number"], postgresql_where=sa.text("author = 'tenant'")
    )
    op.execute(WORDS_OF)
    op.create_index("messages_search_idx", "messages", [sa.text("words_of(text)")], postgresql_using="gin")


def _create_replies() -> None:
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
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("message_id", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="replies_pkey"),
        sa.UniqueConstraint("thread_id", "idempotency_key", name="replies_thread_id_idempotency_key_key"),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name="replies_thread_id_fkey"),
    )
    op.create_index("replies_due_at_idx", "replies", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))


def downgrade() -> None:
    """Take away what was added."""
    op.drop_table("readings")
    op.drop_table("replies")
    for index in ("messages_search_idx", "messages_unread_idx"):
        op.drop_index(index, "messages")
    op.execute("DROP FUNCTION words_of(text)")
    for column in ("attachments", "sender", "provider"):
        op.drop_column("messages", column)
    for index in (
        "threads_contact_idx",
        "threads_last_message_at_idx",
        "threads_errand_due_at_idx",
        "threads_provider_thread_id_key",
    ):
        op.drop_index(index, "threads")
    for column in (
        "errand_problem",
        "errand_attempts",
        "errand_due_at",
        "relinked_at",
        "last_message_at",
        "settled",
    ):
        op.drop_column("threads", column)
