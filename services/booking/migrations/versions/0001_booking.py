"""Inbox, outbox, sagas, bookings with their stays, commands of the staff, and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(12, 2)
TABLES = (
    "bookings",
    "commands",
    "inbox",
    "outbox",
    "outbox_batches",
    "properties",
    "sagas",
    "audit_log",
    "cancellation_policies",
    "code_counters",
    "stays",
)
GROWING = ("audit_log",)
ONLY_GROWS = """
CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: correct it with another row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$"""
GUARD = """
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {}
FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"""


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
        sa.Column("guest_phone", sa.Text()),
        sa.Column("check_in", sa.Date(), nullable=False),
        sa.Column("check_out", sa.Date(), nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("number_of_rooms", sa.SmallInteger(), nullable=False),
        sa.Column("total", MONEY),
        sa.Column("currency", sa.Text()),
        sa.Column("confirmation_number", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("paid", MONEY, comment="what was paid and kept, as payments last said"),
        sa.Column("charges", MONEY, server_default=sa.text("0"), nullable=False, comment="beside its rooms"),
        sa.Column("folio_at", MOMENT, comment="when payments last reported paid and charges"),
        sa.Column("fee", MONEY, comment="of its cancellation or no-show"),
        sa.Column("refund", MONEY, comment="what was given back when it ended"),
        sa.Column("terms", postgresql.JSONB(), comment="its cancellation policy, whatever becomes of that later"),
        sa.Column(
            "revision", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="counts its changes of dates"
        ),
        sa.Column(
            "orders",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="numbers what others were asked for",
        ),
        sa.Column("saga_id", sa.Uuid(), comment="the change that is under way"),
        sa.Column("saga_name", sa.Text()),
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
    op.create_index("bookings_email_idx", "bookings", [sa.literal_column("lower(guest_email)")])
    op.create_index("bookings_list_idx", "bookings", ["check_in", "id"])
    op.create_index("bookings_property_idx", "bookings", ["property_id", "check_in"])
    op.create_table(
        "commands",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("digest", sa.Uuid(), nullable=False, comment="of all that it said"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refusal", postgresql.JSONB()),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name=op.f("commands_refused_why_check")),
        sa.CheckConstraint("state IN ('under_way', 'done', 'refused')", name=op.f("commands_state_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("commands_pkey")),
    )
    op.create_index(op.f("commands_booking_id_idx"), "commands", ["booking_id"])
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
        "properties",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("multi_room", sa.Text(), nullable=False, comment="on, off, or listed guests only"),
        sa.Column("multi_room_guests", sa.ARRAY(sa.Text()), nullable=False, comment="e-mails or phones, where listed"),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "check_in_time",
            sa.Time(),
            server_default=sa.text("'15:00'"),
            nullable=False,
            comment="by the property's clocks",
        ),
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
        sa.Column("wake_at", MOMENT),
        sa.Column("written", sa.Uuid(), nullable=False, comment="which write made this state"),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("sagas_pkey")),
    )
    op.create_index("sagas_running_idx", "sagas", ["started_at"], postgresql_where=sa.text("phase <> 'ended'"))
    op.create_index("sagas_wake_at_idx", "sagas", ["wake_at"], postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False, comment="a list of {field, old, new}"),
        sa.Column("reason", sa.Text(), comment="for the staff, where a person gave one"),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("audit_log_booking_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_log_pkey")),
    )
    op.create_index(op.f("audit_log_booking_id_idx"), "audit_log", ["booking_id"])
    op.create_table(
        "cancellation_policies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("property_id", sa.Text(), comment="none: of every property without its own"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_hours", sa.Integer(), comment="before check-in; none: never free"),
        sa.Column("first_night", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("percentage", sa.Numeric(precision=5, scale=2), server_default=sa.text("0"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("free_hours >= 0", name=op.f("cancellation_policies_free_hours_check")),
        sa.CheckConstraint("percentage BETWEEN 0 AND 100", name=op.f("cancellation_policies_percentage_check")),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("cancellation_policies_property_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("cancellation_policies_pkey")),
    )
    op.create_index(
        "cancellation_policies_active_idx",
        "cancellation_policies",
        [sa.literal_column("coalesce(property_id, '')")],
        unique=True,
        postgresql_where=sa.text("active"),
    )
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
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("type_label", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("extra_beds", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_night", MONEY, comment="the price of its first night, where that is known"),
        sa.Column("checked_in_at", MOMENT),
        sa.Column("checked_in_by", sa.Text()),
        sa.Column("checked_out_at", MOMENT),
        sa.Column("checked_out_by", sa.Text()),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CONFIRMED', 'CHECKED_IN', 'CHECKED_OUT', 'CANCELLED', 'NO_SHOW')",
            name=op.f("stays_status_check"),
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("stays_booking_id_fkey")),
        sa.PrimaryKeyConstraint("code", name=op.f("stays_pkey")),
    )
    op.create_index("stays_booking_id_line_idx", "stays", ["booking_id", "line"], unique=True)
    # ### end Alembic commands ###
    op.execute(ONLY_GROWS)
    for table in GROWING:
        op.execute(GUARD.format(table))


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION only_grows()")
