"""Booking's tables: properties as booking knows them, sagas, bookings with their stays, and the audit log."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.booking.record.states import Status, StayStatus
from shared.database.tables import sagas_table, service_metadata

metadata = service_metadata()
sagas = sagas_table(metadata)


def _one_of(column: str, values: type[Status] | type[StayStatus]) -> CheckConstraint:
    names = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=column)


properties = Table(
    "properties",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("multi_room", Text, nullable=False, comment="on, off, or listed guests only"),
    Column("multi_room_guests", ARRAY(Text), nullable=False, comment="e-mails or phones, where listed"),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("check_in_time", Time, nullable=False, server_default=text("'15:00'"), comment="by the property's clocks"),
    CheckConstraint("multi_room IN ('on', 'off', 'listed')", name="multi_room"),
    Index("properties_default_idx", "is_default", unique=True, postgresql_where=text("is_default")),
)

code_counters = Table(
    "code_counters",
    metadata,
    Column("property_id", Text, ForeignKey("properties.id"), primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("next", BigInteger, nullable=False),
)

bookings = Table(
    "bookings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("request_id", Text, nullable=False, unique=True),
    Column("property_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("guest_name", Text, nullable=False),
    Column("guest_email", Text, nullable=False),
    Column("guest_phone", Text),
    Column("check_in", Date, nullable=False),
    Column("check_out", Date, nullable=False),
    Column("package", Text, nullable=False),
    Column("number_of_rooms", SmallInteger, nullable=False),
    Column("total", Numeric(12, 2)),
    Column("currency", Text),
    Column("confirmation_number", Text, unique=True),
    Column("reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("paid", Numeric(12, 2), comment="what was paid and kept, as payments last said"),
    Column("charges", Numeric(12, 2), nullable=False, server_default=text("0"), comment="beside its rooms"),
    Column("folio_at", DateTime(timezone=True), comment="when payments last reported paid and charges"),
    Column("fee", Numeric(12, 2), comment="of its cancellation or no-show"),
    Column("refund", Numeric(12, 2), comment="what was given back when it ended"),
    Column("terms", JSONB, comment="its cancellation policy, whatever becomes of that later"),
    Column("revision", Integer, nullable=False, server_default=text("0"), comment="counts its changes of dates"),
    Column("orders", Integer, nullable=False, server_default=text("0"), comment="numbers what others were asked for"),
    Column("saga_id", Uuid, comment="the change that is under way"),
    Column("saga_name", Text),
    _one_of("status", Status),
    CheckConstraint("check_out > check_in OR status IN ('REJECTED', 'FAILED')", name="dates"),
    Index("bookings_property_idx", "property_id", "check_in"),
    Index("bookings_list_idx", "check_in", "id"),
    Index("bookings_email_idx", text("lower(guest_email)")),
)

# What guests agree to. One policy of a property, or of all, is active; an inactive one stays on old bookings.
cancellation_policies = Table(
    "cancellation_policies",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("property_id", Text, ForeignKey("properties.id"), comment="none: of every property without its own"),
    Column("name", Text, nullable=False),
    Column("free_hours", Integer, comment="before check-in; none: never free"),
    Column("first_night", Boolean, nullable=False, server_default=text("false")),
    Column("percentage", Numeric(5, 2), nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("free_hours >= 0", name="free_hours"),
    CheckConstraint("percentage BETWEEN 0 AND 100", name="percentage"),
    Index(
        "cancellation_policies_active_idx",
        text("coalesce(property_id, '')"),
        unique=True,
        postgresql_where=text("active"),
    ),
)

# What the staff asked for, under their own ids, and what came of it.
commands = Table(
    "commands",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("booking_id", Uuid, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("digest", Uuid, nullable=False, comment="of all that it said"),
    Column("state", Text, nullable=False),
    Column("refusal", JSONB),
    Column("at", DateTime(timezone=True), nullable=False),
    CheckConstraint("state IN ('under_way', 'done', 'refused')", name="state"),
    CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refused_why"),
)

stays = Table(
    "stays",
    metadata,
    Column("code", Text, primary_key=True),
    Column("booking_id", Uuid, ForeignKey("bookings.id"), nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("room_type", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("adults", SmallInteger, nullable=False),
    Column("children_0_to_5", SmallInteger, nullable=False),
    Column("children_6_to_10", SmallInteger, nullable=False),
    Column("amount", Numeric(12, 2), nullable=False),
    Column("type_label", Text, nullable=False, server_default=text("''")),
    Column("extra_beds", SmallInteger, nullable=False, server_default=text("0")),
    Column("first_night", Numeric(12, 2), comment="the price of its first night, where that is known"),
    Column("checked_in_at", DateTime(timezone=True)),
    Column("checked_in_by", Text),
    Column("checked_out_at", DateTime(timezone=True)),
    Column("checked_out_by", Text),
    _one_of("status", StayStatus),
    Index("stays_booking_id_line_idx", "booking_id", "line", unique=True),
)

# What was done with bookings. A trigger refuses any change of what is written (in the migration).
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("booking_id", Uuid, ForeignKey("bookings.id"), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("changes", JSONB, nullable=False, comment="a list of {field, old, new}"),
    Column("reason", Text, comment="for the staff, where a person gave one"),
)
