"""Inbox, outbox, deliveries, reminders, reports of providers, and alarms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("agenda", "alarms", "deliveries", "inbox", "last_heard", "outbox", "outbox_batches", "reports")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "agenda",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("booked", postgresql.JSONB(), nullable=False),
        sa.Column("left_on", sa.Date()),
        sa.CheckConstraint("state IN ('expected', 'here', 'gone', 'off')", name=op.f("agenda_state_check")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("agenda_pkey")),
    )
    op.create_table(
        "alarms",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("cleared_at", MOMENT),
        sa.PrimaryKeyConstraint("channel", name=op.f("alarms_pkey")),
    )
    op.create_table(
        "deliveries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("page", postgresql.JSONB(), comment="an e-mail's words in parts"),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("provider_id", sa.Text()),
        sa.Column("provider_status", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("calendar", postgresql.JSONB(), comment="what a calendar shows of the stay"),
        sa.Column("template", postgresql.JSONB()),
        sa.Column("property_id", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("form", sa.Text(), server_default="free", nullable=False),
        sa.Column("unsure", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("leased_until", MOMENT),
        sa.Column("waits_since", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.Column("read_at", MOMENT),
        sa.Column("traceparent", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("audience IN ('guest', 'staff')", name=op.f("deliveries_audience_check")),
        sa.CheckConstraint(
            "channel IN ('whatsapp', 'messenger', 'instagram', 'sms', 'email', 'voice')",
            name=op.f("deliveries_channel_check"),
        ),
        sa.CheckConstraint("form IN ('free', 'template')", name=op.f("deliveries_form_check")),
        sa.CheckConstraint(
            "status IN ('pending', 'standby', 'sent', 'delivered', 'read', 'stored', 'failed', 'withdrawn')",
            name=op.f("deliveries_status_check"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("deliveries_pkey")),
        sa.UniqueConstraint(
            "booking_id",
            "occasion",
            "recipient",
            "channel",
            name=op.f("deliveries_booking_id_occasion_recipient_channel_key"),
        ),
    )
    op.create_index("deliveries_finished_at_idx", "deliveries", ["finished_at"], postgresql_using="brin")
    op.create_index(
        "deliveries_pending_idx", "deliveries", ["channel", "due_at"], postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index(
        "deliveries_provider_idx",
        "deliveries",
        ["provider_id", "provider"],
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("message_key", name=op.f("inbox_pkey")),
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], postgresql_using="brin")
    op.create_table(
        "last_heard",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("heard_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("last_heard_pkey")),
    )
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
        "reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("said", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("applied", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="Attempts to apply it."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reports_pkey")),
        sa.UniqueConstraint("provider", "provider_id", "fate", name=op.f("reports_provider_provider_id_fate_key")),
    )
    op.create_index("reports_unapplied_idx", "reports", ["id"], postgresql_where=sa.text("NOT applied"))
    # ### end Alembic commands ###


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
