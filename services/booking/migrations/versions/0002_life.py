"""A booking's life: policies, the staff's commands, what stays and bookings know of it; the audit log only grows."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(12, 2)
MOMENT = sa.DateTime(timezone=True)
ZERO = sa.text("0")

# What is there was paid in full, and its rooms' labels are in their sagas.
PAID = "UPDATE bookings SET paid = total WHERE status = 'CONFIRMED'"
LABELS = """
UPDATE stays SET type_label = held.facts ->> 'type_label',
  extra_beds = coalesce((held.facts ->> 'extra_beds')::int, 0)
FROM sagas, jsonb_array_elements(sagas.data -> 'rooms') AS held (facts)
WHERE sagas.id = stays.booking_id AND (held.facts ->> 'line')::int = stays.line"""
ONLY_GROWS = """
CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: correct it with another row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$"""
GUARD = """
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"""


def upgrade() -> None:
    """Add columns and tables, fill in what is known, and close the audit log to changes."""
    op.add_column(
        "properties",
        sa.Column(
            "check_in_time",
            sa.Time(),
            nullable=False,
            server_default=sa.text("'15:00'"),
            comment="by the property's clocks",
        ),
    )
    for column in _of_bookings():
        op.add_column("bookings", column)
    for column in _of_stays():
        op.add_column("stays", column)
    op.add_column("audit_log", sa.Column("reason", sa.Text(), comment="for the staff, where a person gave one"))
    op.create_index("bookings_list_idx", "bookings", ["check_in", "id"])
    op.create_index("bookings_email_idx", "bookings", [sa.text("lower(guest_email)")])
    _create_policies()
    _create_commands()
    for statement in (PAID, LABELS, ONLY_GROWS, GUARD):
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TRIGGER only_grows ON audit_log")
    op.execute("DROP FUNCTION only_grows()")
    op.drop_table("commands")
    op.drop_table("cancellation_policies")
    op.drop_index("bookings_email_idx", "bookings")
    op.drop_index("bookings_list_idx", "bookings")
    op.drop_column("audit_log", "reason")
    for column in _of_stays():
        op.drop_column("stays", column.name)
    for column in _of_bookings():
        op.drop_column("bookings", column.name)
    op.drop_column("properties", "check_in_time")


def _of_bookings() -> list[sa.Column[Any]]:
    return [
        sa.Column("paid", MONEY, comment="what was paid and kept, as payments last said"),
        sa.Column("charges", MONEY, nullable=False, server_default=ZERO, comment="beside its rooms"),
        sa.Column("folio_at", MOMENT, comment="when payments last told of paid and charges"),
        sa.Column("fee", MONEY, comment="of its cancellation or no-show"),
        sa.Column("refund", MONEY, comment="what was given back when it ended"),
        sa.Column("terms", postgresql.JSONB(), comment="its cancellation policy, whatever becomes of that later"),
        sa.Column("revision", sa.Integer(), nullable=False, server_default=ZERO, comment="counts its changes of dates"),
        sa.Column(
            "orders", sa.Integer(), nullable=False, server_default=ZERO, comment="numbers what others were asked for"
        ),
        sa.Column("saga_id", sa.Uuid(), comment="the change that is under way"),
        sa.Column("saga_name", sa.Text()),
    ]


def _of_stays() -> list[sa.Column[Any]]:
    return [
        sa.Column("type_label", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("extra_beds", sa.SmallInteger(), nullable=False, server_default=ZERO),
        sa.Column("first_night", MONEY, comment="the price of its first night, where that is known"),
        sa.Column("checked_in_at", MOMENT),
        sa.Column("checked_in_by", sa.Text()),
        sa.Column("checked_out_at", MOMENT),
        sa.Column("checked_out_by", sa.Text()),
    ]


def _create_policies() -> None:
    op.create_table(
        "cancellation_policies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("property_id", sa.Text(), comment="none: of every property without its own"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_hours", sa.Integer(), comment="before check-in; none: never free"),
        sa.Column("first_night", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("percentage", sa.Numeric(5, 2), nullable=False, server_default=ZERO),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.text("true")),
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
        [sa.text("coalesce(property_id, '')")],
        unique=True,
        postgresql_where=sa.text("active"),
    )


def _create_commands() -> None:
    op.create_table(
        "commands",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("digest", sa.Uuid(), nullable=False, comment="of all that it said"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refusal", postgresql.JSONB()),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('under_way', 'done', 'refused')", name=op.f("commands_state_check")),
        sa.CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name=op.f("commands_refused_why_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("commands_pkey")),
    )
    op.create_index(op.f("commands_booking_id_idx"), "commands", ["booking_id"])
