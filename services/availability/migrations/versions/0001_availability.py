"""Inbox, outbox, houses with their rooms and prices, holds and the nights that they take."""

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
        "holds",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("check_in", sa.Date(), nullable=False),
        sa.Column("check_out", sa.Date(), nullable=False),
        sa.Column("rooms", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("codes", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('held', 'booked', 'released')", name=op.f("holds_state_check")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("holds_pkey")),
    )
    op.create_index(
        "holds_wake_at_idx", "holds", ["wake_at"], unique=False, postgresql_where=sa.text("wake_at IS NOT NULL")
    )
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
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tax_rate", sa.Numeric(precision=6, scale=4), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("hold_minutes", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("hold_minutes > 0", name=op.f("properties_hold_check")),
        sa.CheckConstraint("tax_rate >= 0 AND tax_rate < 1", name=op.f("properties_tax_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("properties_pkey")),
    )
    op.create_index(
        "properties_default_idx", "properties", ["is_default"], unique=True, postgresql_where=sa.text("is_default")
    )
    op.create_table(
        "room_nights",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "room", "night", name=op.f("room_nights_pkey")),
    )
    op.create_index("room_nights_booking_idx", "room_nights", ["booking_id"], unique=False)
    op.create_table(
        "packages",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inclusions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=True, comment="none: every type that is not a place"),
        sa.Column("first_night", sa.Date(), nullable=True),
        sa.Column("last_night", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("packages_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", "key", name=op.f("packages_pkey")),
    )
    op.create_table(
        "room_types",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("adults", sa.SmallInteger(), nullable=False),
        sa.Column("guests", sa.SmallInteger(), nullable=False),
        sa.Column("extra_beds", sa.SmallInteger(), nullable=False),
        sa.Column("is_place", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "adults > 0 AND guests >= adults AND extra_beds >= 0", name=op.f("room_types_capacity_check")
        ),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("room_types_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", "key", name=op.f("room_types_pkey")),
    )
    op.create_table(
        "rates",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("package_key", sa.Text(), nullable=False),
        sa.Column("type_key", sa.Text(), nullable=True, comment="none: every type"),
        sa.Column("first_night", sa.Date(), nullable=True),
        sa.Column("last_night", sa.Date(), nullable=True),
        sa.Column("weekdays", sa.ARRAY(sa.SmallInteger()), nullable=True, comment="ISO, 1 is Monday; none: every day"),
        sa.Column("adult", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("child", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("extra_bed", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.CheckConstraint("adult >= 0 AND child >= 0 AND extra_bed >= 0", name=op.f("rates_amounts_check")),
        sa.ForeignKeyConstraint(
            ["property_id", "package_key"],
            ["packages.property_id", "packages.key"],
            name=op.f("rates_property_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("rates_pkey")),
    )
    op.create_index("rates_package_idx", "rates", ["property_id", "package_key"], unique=False)
    op.create_table(
        "rooms",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("type_key", sa.Text(), nullable=False),
        sa.Column("out_of_order_from", sa.Date(), nullable=True),
        sa.Column("out_of_order_until", sa.Date(), nullable=True, comment="the last day out of order"),
        sa.CheckConstraint("out_of_order_until >= out_of_order_from", name=op.f("rooms_out_of_order_check")),
        sa.ForeignKeyConstraint(
            ["property_id", "type_key"],
            ["room_types.property_id", "room_types.key"],
            name=op.f("rooms_property_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("property_id", "number", name=op.f("rooms_pkey")),
    )
    op.create_index("rooms_type_idx", "rooms", ["property_id", "type_key", "number"], unique=False)
    op.create_table(
        "supplements",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("package_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.CheckConstraint("unit IN ('room_stay', 'room_night', 'guest_night')", name=op.f("supplements_unit_check")),
        sa.ForeignKeyConstraint(
            ["property_id", "package_key"],
            ["packages.property_id", "packages.key"],
            name=op.f("supplements_property_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("property_id", "package_key", "name", name=op.f("supplements_pkey")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("supplements")
    op.drop_index("rooms_type_idx", table_name="rooms")
    op.drop_table("rooms")
    op.drop_index("rates_package_idx", table_name="rates")
    op.drop_table("rates")
    op.drop_table("room_types")
    op.drop_table("packages")
    op.drop_index("room_nights_booking_idx", table_name="room_nights")
    op.drop_table("room_nights")
    op.drop_index("properties_default_idx", table_name="properties", postgresql_where=sa.text("is_default"))
    op.drop_table("properties")
    op.drop_index(op.f("outbox_due_at_idx"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("inbox_received_at_idx", table_name="inbox", postgresql_using="brin")
    op.drop_table("inbox")
    op.drop_index("holds_wake_at_idx", table_name="holds", postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.drop_table("holds")
