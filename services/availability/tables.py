"""Availability's tables; `room_nights` is what makes a double booking impossible."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables import service_metadata

metadata = service_metadata()

properties = Table(
    "properties",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("tax_rate", Numeric(6, 4), nullable=False),
    Column("prices_include_tax", Boolean, nullable=False),
    Column("hold_minutes", Integer, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("hold_minutes > 0", name="hold"),
    CheckConstraint("tax_rate >= 0 AND tax_rate < 1", name="tax"),
    Index("properties_default_idx", "is_default", unique=True, postgresql_where=text("is_default")),
)

room_types = Table(
    "room_types",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("adults", SmallInteger, nullable=False),
    Column("guests", SmallInteger, nullable=False),
    Column("extra_beds", SmallInteger, nullable=False),
    Column("is_place", Boolean, nullable=False),
    CheckConstraint("adults > 0 AND guests >= adults AND extra_beds >= 0", name="capacity"),
)

rooms = Table(
    "rooms",
    metadata,
    Column("property_id", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("type_key", Text, nullable=False),
    Column("out_of_order_from", Date),
    Column("out_of_order_until", Date, comment="the last day out of order"),
    ForeignKeyConstraint(["property_id", "type_key"], ["room_types.property_id", "room_types.key"]),
    CheckConstraint("out_of_order_until >= out_of_order_from", name="out_of_order"),
    Index("rooms_type_idx", "property_id", "type_key", "number"),
)

packages = Table(
    "packages",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("inclusions", ARRAY(Text), nullable=False),
    Column("types", ARRAY(Text), comment="none: every type that is not a place"),
    Column("first_night", Date),
    Column("last_night", Date),
    Column("cancellation_policy", Text, comment="none: the property's own"),
)

rates = Table(
    "rates",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("property_id", Text, nullable=False),
    Column("package_key", Text, nullable=False),
    Column("type_key", Text, comment="none: every type"),
    Column("first_night", Date),
    Column("last_night", Date),
    Column("weekdays", ARRAY(SmallInteger), comment="ISO, 1 is Monday; none: every day"),
    Column("season", Text, comment="its nights' name for people"),
    Column("rank", SmallInteger, nullable=False, server_default="0", comment="of two for a night the higher counts"),
    Column("adult", Numeric(12, 4), nullable=False),
    Column("child", Numeric(12, 4), nullable=False),
    Column("extra_bed", Numeric(12, 4), nullable=False),
    ForeignKeyConstraint(["property_id", "package_key"], ["packages.property_id", "packages.key"]),
    CheckConstraint("adult >= 0 AND child >= 0 AND extra_bed >= 0", name="amounts"),
    Index(
        "rates_conditions_idx",
        "property_id",
        "package_key",
        "type_key",
        "first_night",
        "last_night",
        "weekdays",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)

supplements = Table(
    "supplements",
    metadata,
    Column("property_id", Text, primary_key=True),
    Column("package_key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("amount", Numeric(12, 4), nullable=False),
    Column("unit", Text, nullable=False),
    ForeignKeyConstraint(["property_id", "package_key"], ["packages.property_id", "packages.key"]),
    CheckConstraint("unit IN ('room_stay', 'room_night', 'guest_night')", name="unit"),
)

fees = Table(
    "fees",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("amount", Numeric(12, 4), nullable=False),
    Column("unit", Text, nullable=False),
    CheckConstraint("unit IN ('room_stay', 'room_night', 'guest_night')", name="unit"),
)

holds = Table(
    "holds",
    metadata,
    Column("booking_id", Uuid, primary_key=True),
    Column("property_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("check_in", Date, nullable=False),
    Column("check_out", Date, nullable=False),
    Column("rooms", ARRAY(Text), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("wake_at", DateTime(timezone=True)),
    Column("answer", Text, nullable=False),
    Column("codes", JSONB, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("changes", Integer, nullable=False, server_default=text("0"), comment="the newest change that it knows of"),
    Column("change", JSONB, comment="other nights that it has as well, until its booking decides"),
    Column("holding", Integer, nullable=False, server_default=text("1"), comment="for which time it was asked for"),
    CheckConstraint("state IN ('held', 'freed', 'booked', 'released')", name="state"),
    Index("holds_wake_at_idx", "wake_at", postgresql_where=text("wake_at IS NOT NULL")),
)

# One row for each room and night that somebody has: its primary key is the guard against selling one twice. Its order
# puts the nights of a stay beside each other, for counts.
room_nights = Table(
    "room_nights",
    metadata,
    Column("property_id", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("night", Date, nullable=False),
    Column("booking_id", Uuid, nullable=False),
    PrimaryKeyConstraint("property_id", "night", "room"),
    Index("room_nights_booking_idx", "booking_id"),
)

# One row for each room that was tried at an outside inventory: written before the call and again after it.
outside_attempts = Table(
    "outside_attempts",
    metadata,
    Column("number", Integer, Identity(), nullable=False),
    Column("booking_id", Uuid, primary_key=True),
    Column("line", SmallInteger, primary_key=True),
    Column("room", Text, primary_key=True),
    Column("fate", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("fate IN ('calling', 'booked', 'taken', 'not_asked', 'doubtful', 'cancelled')", name="fate"),
)

# Properties whose rooms another system keeps.
outside_inventories = Table(
    "outside_inventories",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("base_url", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("cancels", Boolean, nullable=False),
    Column("seconds", Numeric(6, 2), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("pause_seconds", Numeric(6, 2), nullable=False),
    CheckConstraint("seconds > 0 AND attempts > 0 AND pause_seconds >= 0", name="patience"),
)

# How such a system calls our types, packages and payment methods.
outside_words = Table(
    "outside_words",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("about", Text, primary_key=True),
    Column("ours", Text, primary_key=True, comment="the key"),
    Column("theirs", Text, nullable=False),
    CheckConstraint("about IN ('type', 'package', 'method')", name="about"),
)

# Calls to be made to them, each of a booking after the one before it.
outside_errands = Table(
    "outside_errands",
    metadata,
    Column("number", Integer, Identity(), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("booking_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("property_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="how often it was begun"),
    Column("due_at", DateTime(timezone=True), comment="not before; NULL: now"),
    Column("problem", Text, nullable=False, server_default=text("''"), comment="what went wrong the last time"),
    Column("given_up_at", DateTime(timezone=True), comment="it failed too often, and waits for a person"),
    Index("outside_errands_booking_idx", "booking_id", "number"),
)
