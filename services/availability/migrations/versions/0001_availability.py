"""Inbox, outbox, the catalogue, holds and the nights that they take, and calls to external systems."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "holds",
    "inbox",
    "outbox",
    "outbox_batches",
    "outside_attempts",
    "outside_errands",
    "properties",
    "room_nights",
    "fees",
    "outside_inventories",
    "outside_words",
    "packages",
    "room_types",
    "rates",
    "rooms",
    "supplements",
)


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
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("wake_at", MOMENT),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("codes", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column(
            "changes",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the newest change that it knows of",
        ),
        sa.Column("change", postgresql.JSONB(), comment="other nights that it has as well, until its booking decides"),
        sa.Column(
            "holding",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="for which time it was asked for",
        ),
        sa.CheckConstraint("state IN ('held', 'freed', 'booked', 'released')", name=op.f("holds_state_check")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("holds_pkey")),
    )
    op.create_index("holds_wake_at_idx", "holds", ["wake_at"], postgresql_where=sa.text("wake_at IS NOT NULL"))
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
        "outside_attempts",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "fate IN ('calling', 'booked', 'taken', 'not_asked', 'doubtful', 'cancelled')",
            name=op.f("outside_attempts_fate_check"),
        ),
        sa.PrimaryKeyConstraint("booking_id", "line", "room", name=op.f("outside_attempts_pkey")),
    )
    op.create_table(
        "outside_errands",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leased_until", MOMENT),
        sa.Column(
            "attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="how often it was begun"
        ),
        sa.Column("due_at", MOMENT, comment="not before; NULL: now"),
        sa.Column(
            "problem", sa.Text(), server_default=sa.text("''"), nullable=False, comment="what went wrong the last time"
        ),
        sa.Column("given_up_at", MOMENT, comment="it failed too often, and waits for a person"),
        sa.PrimaryKeyConstraint("number", name=op.f("outside_errands_pkey")),
        sa.UniqueConstraint("id", name=op.f("outside_errands_id_key")),
    )
    op.create_index("outside_errands_booking_idx", "outside_errands", ["booking_id", "number"])
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
        sa.PrimaryKeyConstraint("property_id", "night", "room", name=op.f("room_nights_pkey")),
    )
    op.create_index("room_nights_booking_idx", "room_nights", ["booking_id"])
    op.create_table(
        "fees",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.CheckConstraint("unit IN ('room_stay', 'room_night', 'guest_night')", name=op.f("fees_unit_check")),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("fees_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", "name", name=op.f("fees_pkey")),
    )
    op.create_table(
        "outside_inventories",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("pause_seconds", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.CheckConstraint(
            "seconds > 0 AND attempts > 0 AND pause_seconds >= 0", name=op.f("outside_inventories_patience_check")
        ),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("outside_inventories_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", name=op.f("outside_inventories_pkey")),
    )
    op.create_table(
        "outside_words",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False, comment="the key"),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.CheckConstraint("about IN ('type', 'package', 'method')", name=op.f("outside_words_about_check")),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("outside_words_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", "about", "ours", name=op.f("outside_words_pkey")),
    )
    op.create_table(
        "packages",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inclusions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), comment="none: every type that is not a place"),
        sa.Column("first_night", sa.Date()),
        sa.Column("last_night", sa.Date()),
        sa.Column("cancellation_policy", sa.Text(), comment="none: the property's own"),
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
        sa.Column("type_key", sa.Text(), comment="none: every type"),
        sa.Column("first_night", sa.Date()),
        sa.Column("last_night", sa.Date()),
        sa.Column("weekdays", sa.ARRAY(sa.SmallInteger()), comment="ISO, 1 is Monday; none: every day"),
        sa.Column("season", sa.Text(), comment="its nights' name for people"),
        sa.Column(
            "rank",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="of two for a night the higher counts",
        ),
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
    op.create_index(
        "rates_conditions_idx",
        "rates",
        ["property_id", "package_key", "type_key", "first_night", "last_night", "weekdays"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "rooms",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("type_key", sa.Text(), nullable=False),
        sa.Column("out_of_order_from", sa.Date()),
        sa.Column("out_of_order_until", sa.Date(), comment="the last day out of order"),
        sa.CheckConstraint("out_of_order_until >= out_of_order_from", name=op.f("rooms_out_of_order_check")),
        sa.ForeignKeyConstraint(
            ["property_id", "type_key"],
            ["room_types.property_id", "room_types.key"],
            name=op.f("rooms_property_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("property_id", "number", name=op.f("rooms_pkey")),
    )
    op.create_index("rooms_type_idx", "rooms", ["property_id", "type_key", "number"])
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
    # ### end Alembic commands ###


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
