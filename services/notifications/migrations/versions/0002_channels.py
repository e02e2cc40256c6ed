"""Templates, calendars, quiet hours and receipts of deliveries; the agenda, reports, alarms and who wrote when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHANNELS = "'whatsapp', 'messenger', 'instagram', 'sms', 'email'"
STATUSES = "'pending', 'standby', 'sent', 'stored', 'failed'"


def _checks(channels: str, statuses: str) -> None:
    for name, column, values in (("channel", "channel", channels), ("status", "status", statuses)):
        op.execute(f"ALTER TABLE deliveries DROP CONSTRAINT IF EXISTS deliveries_{name}_check")
        op.execute(f"ALTER TABLE deliveries DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE deliveries ADD CONSTRAINT deliveries_{name}_check CHECK ({column} IN ({values}))")


def upgrade() -> None:
    """Add columns and tables."""
    for column in (
        sa.Column("calendar", sa.Text()),
        sa.Column("template", postgresql.JSONB()),
        sa.Column("property_id", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("form", sa.Text(), server_default="free", nullable=False),
        sa.Column("unsure", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("waits_since", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("read_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("deliveries", column)
    op.execute("UPDATE deliveries SET waits_since = created_at, unsure = attempts > 0")
    op.alter_column("deliveries", "waits_since", nullable=False)
    _checks(f"{CHANNELS}, 'voice'", f"{STATUSES}, 'delivered', 'read', 'withdrawn'")
    op.create_check_constraint("form", "deliveries", "form IN ('free', 'template')")
    op.create_index(
        "deliveries_provider_idx",
        "deliveries",
        ["provider_id", "provider"],
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index("deliveries_finished_at_idx", "deliveries", ["finished_at"], postgresql_using="brin")
    op.create_table(
        "agenda",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("booked", postgresql.JSONB(), nullable=False),
        sa.Column("left_on", sa.Date()),
        sa.PrimaryKeyConstraint("booking_id", name="agenda_pkey"),
        sa.CheckConstraint("state IN ('expected', 'here', 'gone', 'off')", name="state"),
    )
    op.create_table(
        "last_heard",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name="last_heard_pkey"),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="reports_pkey"),
        sa.UniqueConstraint("provider", "provider_id", "fate", name="reports_provider_provider_id_fate_key"),
    )
    op.create_index("reports_unapplied_idx", "reports", ["id"], postgresql_where=sa.text("NOT applied"))
    op.create_table(
        "alarms",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("channel", name="alarms_pkey"),
    )


def downgrade() -> None:
    """Drop them; what only the newer form knows becomes what the older one has for it."""
    for table in ("alarms", "reports", "last_heard", "agenda"):
        op.drop_table(table)
    op.execute("DELETE FROM deliveries WHERE channel = 'voice'")
    op.execute("UPDATE deliveries SET status = 'sent' WHERE status IN ('delivered', 'read')")
    op.execute("UPDATE deliveries SET status = 'failed' WHERE status = 'withdrawn'")
    op.drop_index("deliveries_finished_at_idx", "deliveries")
    op.drop_index("deliveries_provider_idx", "deliveries")
    for column in (
        "calendar",
        "template",
        "property_id",
        "timezone",
        "urgent",
        "form",
        "unsure",
        "leased_until",
        "waits_since",
        "delivered_at",
        "read_at",
    ):
        op.drop_column("deliveries", column)
    _checks(CHANNELS, STATUSES)
