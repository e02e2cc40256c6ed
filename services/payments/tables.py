"""Payments' tables, and the constraints that hold whatever the code does."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables import service_metadata

metadata = service_metadata()
_money = Numeric(12, 2)
_moment = DateTime(timezone=True)
_EMPTY = text("'{}'")
_ZERO = text("0")

payments = Table(
    "payments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("transfer_id", Text, nullable=False),
    Column("property_id", Text, nullable=False, server_default="", comment="Empty: it serves every property."),
    Column("method", Text, nullable=False),
    Column("amount", _money, nullable=False),
    Column("currency", Text, nullable=False),
    Column("posted_on", Date, nullable=False),
    Column("payer", Text),
    Column("reference", Text),
    Column("reference_key", Text, comment="The reference as it is compared."),
    Column("authorization_number", Text),
    Column("authorization_key", Text, comment="The authorisation number as it is compared."),
    Column("arrived_at", _moment, nullable=False),
    Column("reserved", _money, nullable=False, server_default=_ZERO),
    Column("captured", _money, nullable=False, server_default=_ZERO),
    Column("refunded", _money, nullable=False, server_default=_ZERO),
    Column("reversed", _money, nullable=False, server_default=_ZERO, comment="What the bank took back."),
    Column("codes", ARRAY(Text), nullable=False, server_default=_EMPTY),
    Column("reserved_at", _moment),
    Column("captured_at", _moment),
    Column(
        "has_money",
        Boolean,
        Computed("reserved + captured + refunded + reversed < amount", persisted=True),
        nullable=False,
    ),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("reserved >= 0 AND captured >= 0 AND refunded >= 0", name="not_negative"),
    CheckConstraint("reserved + captured + refunded <= amount", name="not_overdrawn"),
    CheckConstraint("reversed BETWEEN 0 AND amount", name="not_more_reversed"),
    UniqueConstraint("source", "transfer_id"),
    # A slip, by amount and date: money first, then what is used up. No index holds a column that every reservation
    # changes, so that most updates stay on their page.
    Index("payments_slip_idx", "property_id", "amount", "has_money", "posted_on"),
    Index(
        "payments_reference_idx",
        "reference_key",
        "amount",
        "has_money",
        "posted_on",
        postgresql_where=text("reference_key IS NOT NULL"),
    ),
    Index(
        "payments_authorization_idx",
        "authorization_key",
        "has_money",
        postgresql_where=text("authorization_key IS NOT NULL"),
    ),
    Index("payments_posted_on_idx", "posted_on", postgresql_using="brin"),
    postgresql_with={"fillfactor": "85"},
)

# What happened to payments. A trigger refuses any change of what is written (in the migration).
ledger = Table(
    "ledger",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("cause", Uuid, primary_key=True, comment="The booking, the refund, the reversal or, at first, the payment."),
    Column("number", BigInteger, Identity(always=True), nullable=False, comment="The order of writing."),
    Column("amount", _money, nullable=False),
    Column("at", _moment, nullable=False),
    Column("booking_id", Uuid),
    Column("codes", ARRAY(Text), nullable=False, server_default=_EMPTY),
    Column("staff", Text, comment="Who decided, where a person did."),
    Column("reason", Text),
    CheckConstraint("kind IN ('arrived', 'reserved', 'captured', 'released', 'refunded', 'reversed')", name="kind"),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("kind IN ('arrived', 'refunded', 'reversed') OR booking_id IS NOT NULL", name="for_a_booking"),
    # A refund's id counts once in the installation.
    Index("ledger_refund_idx", "cause", unique=True, postgresql_where=text("kind = 'refunded'")),
    Index("ledger_booking_id_idx", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
)

payment_requests = Table(
    "payment_requests",
    metadata,
    Column("booking_id", Uuid, primary_key=True),
    Column("status", Text, nullable=False),
    Column("started_at", _moment, nullable=False),
    Column("changed_at", _moment, nullable=False),
    Column("property_id", Text),
    Column("amount", _money),
    Column("currency", Text),
    Column("method", Text),
    Column("slip_date", Date),
    Column("slip_amount", _money),
    Column("authorization_number", Text),
    Column("authorization_key", Text, comment="The authorisation number as it is compared."),
    Column("payer", Text),
    Column("reference", Text),
    Column("reference_key", Text, comment="The reference as it is compared."),
    Column("stage", Integer),
    Column("attempt", Integer),
    Column("next_attempt_at", _moment),
    Column("payment_id", Uuid, ForeignKey("payments.id")),
    Column("found_later", Boolean, nullable=False, server_default=false()),
    Column("codes", ARRAY(Text), nullable=False, server_default=_EMPTY),
    Column("refusal", JSONB),
    Column("waits", Boolean, Computed("status = 'waiting'", persisted=True), nullable=False),
    CheckConstraint("status IN ('waiting', 'escalated', 'reserved', 'captured', 'released', 'refused')", name="status"),
    CheckConstraint("status = 'released' OR amount IS NOT NULL", name="only_tombstones_are_empty"),
    CheckConstraint("status NOT IN ('reserved', 'captured') OR payment_id IS NOT NULL", name="reserved_from"),
    CheckConstraint("status NOT IN ('waiting', 'escalated') OR next_attempt_at IS NOT NULL", name="waits_until"),
    CheckConstraint("status NOT IN ('refused', 'escalated') OR refusal IS NOT NULL", name="refused_why"),
    Index("payment_requests_payment_id_idx", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
    Index("payment_requests_escalated_idx", "next_attempt_at", postgresql_where=text("status = 'escalated'")),
    Index("payment_requests_waiting_slip_idx", "slip_amount", "slip_date", postgresql_where=text("waits")),
    Index("payment_requests_waiting_reference_idx", "reference_key", "slip_amount", postgresql_where=text("waits")),
    Index("payment_requests_waiting_card_idx", "authorization_key", postgresql_where=text("waits")),
    postgresql_with={"fillfactor": "85"},
)

# Which payments verifications named, to whom and for what: a booking may give their ids.
named_payments = Table(
    "named_payments",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("caller", Text, primary_key=True, comment="A digest of the gateway with the guest's contact, or the token."),
    Column("property_id", Text, nullable=False),
    Column("amount", _money, nullable=False, comment="What a booking may cost."),
    Column("currency", Text, nullable=False),
    Column("named_at", _moment, nullable=False),
)

# What people decided. A trigger refuses any change of what is written (in the migration).
rulings = Table(
    "rulings",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("booking_id", Uuid, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("at", _moment, nullable=False),
    Column("staff", Text, comment="Empty where a gateway spoke for the guest."),
    Column("reason", Text),
    Column("payment_id", Uuid, ForeignKey("payments.id")),
)

# What bookings cost beside their rooms. A trigger refuses any change of what is written (in the migration).
charges = Table(
    "charges",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("booking_id", Uuid, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("amount", _money, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff", Text, nullable=False),
    Column("at", _moment, nullable=False),
    CheckConstraint("kind IN ('charge', 'fee')", name="kind"),
    CheckConstraint("amount > 0", name="amount"),
)

# Charges that bookings do not cost after all, and refunds that have reached the guest. Both only grow, like charges.
charge_reversals = Table(
    "charge_reversals",
    metadata,
    Column("id", Uuid, ForeignKey("charges.id"), primary_key=True, comment="The charge's."),
    Column("booking_id", Uuid, nullable=False),
    Column("staff", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _moment, nullable=False),
)
handouts = Table(
    "handouts",
    metadata,
    Column("id", Uuid, primary_key=True, comment="The refund's: the cause of its entry in the ledger."),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False),
    Column("way", Text, nullable=False),
    Column("staff", Text, nullable=False),
    Column("note", Text),
    Column("at", _moment, nullable=False),
    CheckConstraint("way IN ('same', 'cash', 'transfer', 'credit')", name="way"),
)

# What bookings cost since they changed or ended. A trigger refuses any change of what is written (in the migration).
prices = Table(
    "prices",
    metadata,
    Column("booking_id", Uuid, primary_key=True),
    Column("change", Integer, primary_key=True, comment="Numbers what was asked for a booking."),
    Column("total", _money, nullable=False),
    Column("fee", _money, nullable=False),
    Column("paid", _money, nullable=False, comment="What was paid and kept after the refund."),
    Column("refund", _money, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _moment, nullable=False),
    CheckConstraint("total >= 0 AND fee >= 0 AND refund >= 0", name="not_negative"),
)

# How far each feed has been read, and how it failed last; times in UTC.
feeds = Table(
    "feeds",
    metadata,
    Column("source", Text, primary_key=True),
    Column("cursor", Text),
    Column("synced_at", _moment),
    Column("failed_at", _moment),
    Column("problem", Text),
)

# Lines that could not be taken, kept for correction.
broken_lines = Table(
    "broken_lines",
    metadata,
    Column("id", Uuid, primary_key=True, comment="A digest of the line and its place."),
    Column("source", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("number", Integer, nullable=False, comment="The line or entry in its file, from 1."),
    Column("field", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("found_at", _moment, nullable=False),
    Column("corrected_at", _moment),
    Column("staff", Text, comment="Who corrected it or put it aside."),
)

# What came in from each source, as it was read. A trigger refuses any change of what is written (in the migration).
intake = Table(
    "intake",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("at", _moment, nullable=False),
    Column("seen", Integer, nullable=False, comment="Lines, of which each is one of the following."),
    Column("taken", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("broken", Integer, nullable=False),
    Column("amounts", JSONB, nullable=False, comment="The money that was taken, by currency."),
    Column("reasons", JSONB, nullable=False, comment="Why lines were passed over or broken, and how many."),
    Column("sent", ARRAY(Uuid), nullable=False, comment="Payments that an operator's import sent on."),
    Column("file", Text, nullable=False),
    Column("digest", Text, nullable=False, comment="Of the file's content; empty where it was none."),
    Column("layout", Text, nullable=False, comment="Of the layout in which it was read."),
    Index("intake_digest_idx", "digest", postgresql_where=text("digest <> ''")),
)

# What guests are to pay online.
orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("property_id", Text, nullable=False),
    Column("amount", _money, nullable=False),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("gateway_id", Text, comment="Empty until the gateway has answered."),
    Column("url", Text, comment="The page to pay on."),
    CheckConstraint("amount > 0", name="amount"),
)
