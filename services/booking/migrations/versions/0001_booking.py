"""Inbox, outbox, sagas, properties, bookings with their stays, and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("guest_name", sa.Text(), nullable=False),
        sa.Column("guest_email", sa.Text(), nullable=False),
        sa.Column("guest_phone", sa.Text(), nullable=True),
        sa.Column("check_in", sa.Date(), nullable=False),
        sa.Column("check_out", sa.Date(), nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("number_of_rooms", sa.SmallInteger(), nullable=False),
        sa.Column("total", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("confirmation_number", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "check_out > check_in OR status IN ('REJECTED', 'FAILED')", name=op.f("bookings_dates_check")
        ),
        sa.CheckConstraint(
            "status IN ('HOLD', 'PENDING', 'CONFIRMED', 'CHECKED_IN', 'CHECKED_OUT', 'COMPLETED', 'CANCELLED',"
            " 'NO_SHOW', 'REJECTED', 'FAILED')",
            name=op.f("bookings_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("bookings_pkey")),
        sa.UniqueConstraint("confirmation_number", name=op.f("bookings_confirmation_number_key")),
        sa.UniqueConstraint("request_id", name=op.f("bookings_request_id_key")),
    )
    op.create_index("bookings_property_idx", "bookings", ["property_id", "check_in"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("message_key", name=op.f("inbox_pkey")),
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
    )
    op.create_index(op.f("outbox_due_at_idx"), "outbox", ["due_at"], unique=False)
    op.create_table(
        "properties",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("multi_room", sa.Text(), nullable=False, comment="on, off, or listed guests only"),
        sa.Column("multi_room_guests", sa.ARRAY(sa.Text()), nullable=False, comment="e-mails or phones, where listed"),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("multi_room IN ('on', 'off', 'listed')", name=op.f("properties_multi_room_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("properties_pkey")),
    )
    op.create_index(
        "properties_default_idx", "properties", ["is_default"], unique=True, postgresql_where=sa.text("is_default")
    )
    op.create_table(
        "sagas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("progress", postgresql.JSONB(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written", sa.Uuid(), nullable=False, comment="which write made this state"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("sagas_pkey")),
    )
    op.create_index(
        "sagas_running_idx", "sagas", ["started_at"], unique=False, postgresql_where=sa.text("phase <> 'ended'")
    )
    op.create_index(
        "sagas_wake_at_idx", "sagas", ["wake_at"], unique=False, postgresql_where=sa.text("wake_at IS NOT NULL")
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False, comment="a list of {field, old, new}"),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("audit_log_booking_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_log_pkey")),
    )
    op.create_index(op.f("audit_log_booking_id_idx"), "audit_log", ["booking_id"], unique=False)
    op.create_table(
        "code_counters",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("code_counters_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", name=op.f("code_counters_pkey")),
    )
    op.create_table(
        "stays",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("room_type", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("adults", sa.SmallInteger(), nullable=False),
        sa.Column("children_0_to_5", sa.SmallInteger(), nullable=False),
        sa.Column("children_6_to_10", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CONFIRMED', 'CHECKED_IN', 'CHECKED_OUT', 'CANCELLED')",
            name=op.f("stays_status_check"),
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("stays_booking_id_fkey")),
        sa.PrimaryKeyConstraint("code", name=op.f("stays_pkey")),
    )
    op.create_index("stays_booking_id_line_idx", "stays", ["booking_id", "line"], unique=True)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index("stays_booking_id_line_idx", table_name="stays")
    op.drop_table("stays")
    op.drop_table("code_counters")
    op.drop_index(op.f("audit_log_booking_id_idx"), table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_index("sagas_wake_at_idx", table_name="sagas", postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.drop_index("sagas_running_idx", table_name="sagas", postgresql_where=sa.text("phase <> 'ended'"))
    op.drop_table("sagas")
    op.drop_index("properties_default_idx", table_name="properties", postgresql_where=sa.text("is_default"))
    op.drop_table("properties")
    op.drop_index(op.f("outbox_due_at_idx"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("inbox_received_at_idx", table_name="inbox", postgresql_using="brin")
    op.drop_table("inbox")
    op.drop_index("bookings_property_idx", table_name="bookings")
    op.drop_table("bookings")
