"""Inbox, outbox, payments with their ledger, requests, folios, feeds and orders."""

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
    "broken_lines",
    "charges",
    "feeds",
    "inbox",
    "intake",
    "orders",
    "outbox",
    "outbox_batches",
    "payments",
    "prices",
    "ledger",
    "named_payments",
    "payment_requests",
    "rulings",
    "charge_reversals",
    "handouts",
)
GROWING = ("ledger", "rulings", "charges", "prices", "charge_reversals", "handouts", "intake")
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
        "broken_lines",
        sa.Column("id", sa.Uuid(), nullable=False, comment="A digest of the line and its place."),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="The line or entry in its file, from 1."),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("corrected_at", MOMENT),
        sa.Column("staff", sa.Text(), comment="Who corrected it or put it aside."),
        sa.PrimaryKeyConstraint("id", name=op.f("broken_lines_pkey")),
    )
    op.create_table(
        "charges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('charge', 'fee')", name=op.f("charges_kind_check")),
        sa.CheckConstraint("amount > 0", name=op.f("charges_amount_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("charges_pkey")),
    )
    op.create_index(op.f("charges_booking_id_idx"), "charges", ["booking_id"])
    op.create_table(
        "feeds",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("synced_at", MOMENT),
        sa.Column("failed_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("source", name=op.f("feeds_pkey")),
    )
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("message_key", name=op.f("inbox_pkey")),
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], postgresql_using="brin")
    op.create_table(
        "intake",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False, comment="Lines, of which each is one of the following."),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("amounts", postgresql.JSONB(), nullable=False, comment="The money that was taken, by currency."),
        sa.Column(
            "reasons",
            postgresql.JSONB(),
            nullable=False,
            comment="Why lines were passed over or broken, and how many.",
        ),
        sa.Column("sent", sa.ARRAY(sa.Uuid()), nullable=False, comment="Payments that an operator's import sent on."),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="Of the file's content; empty where it was none."),
        sa.Column("layout", sa.Text(), nullable=False, comment="Of the layout in which it was read."),
        sa.PrimaryKeyConstraint("id", name=op.f("intake_pkey")),
    )
    _partial_index("intake_digest_idx", "intake", ["digest"], "digest <> ''")
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("gateway_id", sa.Text(), comment="Empty until the gateway has answered."),
        sa.Column("url", sa.Text(), comment="The page to pay on."),
        sa.CheckConstraint("amount > 0", name=op.f("orders_amount_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pkey")),
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
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column(
            "property_id", sa.Text(), server_default="", nullable=False, comment="Empty: it serves every property."
        ),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("payer", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("reference_key", sa.Text(), comment="The reference as it is compared."),
        sa.Column("authorization_number", sa.Text()),
        sa.Column("authorization_key", sa.Text(), comment="The authorisation number as it is compared."),
        sa.Column("arrived_at", MOMENT, nullable=False),
        sa.Column("reserved", MONEY, server_default=sa.text("0"), nullable=False),
        sa.Column("captured", MONEY, server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", MONEY, server_default=sa.text("0"), nullable=False),
        sa.Column("reversed", MONEY, server_default=sa.text("0"), nullable=False, comment="What the bank took back."),
        sa.Column("codes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reserved_at", MOMENT),
        sa.Column("captured_at", MOMENT),
        sa.Column(
            "has_money",
            sa.Boolean(),
            sa.Computed("reserved + captured + refunded + reversed < amount", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("amount > 0", name=op.f("payments_amount_check")),
        sa.CheckConstraint("reserved + captured + refunded <= amount", name=op.f("payments_not_overdrawn_check")),
        sa.CheckConstraint("reversed BETWEEN 0 AND amount", name=op.f("payments_not_more_reversed_check")),
        sa.CheckConstraint(
            "reserved >= 0 AND captured >= 0 AND refunded >= 0", name=op.f("payments_not_negative_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("payments_pkey")),
        sa.UniqueConstraint("source", "transfer_id", name=op.f("payments_source_transfer_id_key")),
        postgresql_with={"fillfactor": "85"},
    )
    _partial_index(
        "payments_authorization_idx", "payments", ["authorization_key", "has_money"], "authorization_key IS NOT NULL"
    )
    op.create_index("payments_posted_on_idx", "payments", ["posted_on"], postgresql_using="brin")
    _partial_index(
        "payments_reference_idx",
        "payments",
        ["reference_key", "amount", "has_money", "posted_on"],
        "reference_key IS NOT NULL",
    )
    op.create_index("payments_slip_idx", "payments", ["property_id", "amount", "has_money", "posted_on"])
    op.create_table(
        "prices",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False, comment="Numbers what was asked for a booking."),
        sa.Column("total", MONEY, nullable=False),
        sa.Column("fee", MONEY, nullable=False),
        sa.Column("paid", MONEY, nullable=False, comment="What was paid and kept after the refund."),
        sa.Column("refund", MONEY, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("total >= 0 AND fee >= 0 AND refund >= 0", name=op.f("prices_not_negative_check")),
        sa.PrimaryKeyConstraint("booking_id", "change", name=op.f("prices_pkey")),
    )
    op.create_table(
        "ledger",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "cause",
            sa.Uuid(),
            nullable=False,
            comment="The booking, the refund, the reversal or, at first, the payment.",
        ),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="The order of writing."),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("booking_id", sa.Uuid()),
        sa.Column("codes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("staff", sa.Text(), comment="Who decided, where a person did."),
        sa.Column("reason", sa.Text()),
        sa.CheckConstraint(
            "kind IN ('arrived', 'refunded', 'reversed') OR booking_id IS NOT NULL",
            name=op.f("ledger_for_a_booking_check"),
        ),
        sa.CheckConstraint(
            "kind IN ('arrived', 'reserved', 'captured', 'released', 'refunded', 'reversed')",
            name=op.f("ledger_kind_check"),
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ledger_amount_check")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("ledger_payment_id_fkey")),
        sa.PrimaryKeyConstraint("payment_id", "kind", "cause", name=op.f("ledger_pkey")),
    )
    _partial_index("ledger_booking_id_idx", "ledger", ["booking_id"], "booking_id IS NOT NULL")
    _partial_index("ledger_refund_idx", "ledger", ["cause"], "kind = 'refunded'", unique=True)
    op.create_table(
        "payment_requests",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("property_id", sa.Text()),
        sa.Column("amount", MONEY),
        sa.Column("currency", sa.Text()),
        sa.Column("method", sa.Text()),
        sa.Column("slip_date", sa.Date()),
        sa.Column("slip_amount", MONEY),
        sa.Column("authorization_number", sa.Text()),
        sa.Column("authorization_key", sa.Text(), comment="The authorisation number as it is compared."),
        sa.Column("payer", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("reference_key", sa.Text(), comment="The reference as it is compared."),
        sa.Column("stage", sa.Integer()),
        sa.Column("attempt", sa.Integer()),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("payment_id", sa.Uuid()),
        sa.Column("found_later", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("codes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("refusal", postgresql.JSONB()),
        sa.Column("waits", sa.Boolean(), sa.Computed("status = 'waiting'", persisted=True), nullable=False),
        sa.CheckConstraint(
            "status = 'released' OR amount IS NOT NULL", name=op.f("payment_requests_only_tombstones_are_empty_check")
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'escalated', 'reserved', 'captured', 'released', 'refused')",
            name=op.f("payment_requests_status_check"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('refused', 'escalated') OR refusal IS NOT NULL",
            name=op.f("payment_requests_refused_why_check"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('reserved', 'captured') OR payment_id IS NOT NULL",
            name=op.f("payment_requests_reserved_from_check"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('waiting', 'escalated') OR next_attempt_at IS NOT NULL",
            name=op.f("payment_requests_waits_until_check"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("payment_requests_payment_id_fkey")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("payment_requests_pkey")),
        postgresql_with={"fillfactor": "85"},
    )
    _partial_index("payment_requests_escalated_idx", "payment_requests", ["next_attempt_at"], "status = 'escalated'")
    _partial_index("payment_requests_payment_id_idx", "payment_requests", ["payment_id"], "payment_id IS NOT NULL")
    _partial_index("payment_requests_waiting_card_idx", "payment_requests", ["authorization_key"], "waits")
    _partial_index(
        "payment_requests_waiting_reference_idx", "payment_requests", ["reference_key", "slip_amount"], "waits"
    )
    _partial_index("payment_requests_waiting_slip_idx", "payment_requests", ["slip_amount", "slip_date"], "waits")
    op.create_table(
        "charge_reversals",
        sa.Column("id", sa.Uuid(), nullable=False, comment="The charge's."),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["id"], ["charges.id"], name=op.f("charge_reversals_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("charge_reversals_pkey")),
    )
    op.create_table(
        "handouts",
        sa.Column("id", sa.Uuid(), nullable=False, comment="The refund's: the cause of its entry in the ledger."),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("way IN ('same', 'cash', 'transfer', 'credit')", name=op.f("handouts_way_check")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("handouts_payment_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("handouts_pkey")),
    )
    op.create_table(
        "named_payments",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column(
            "caller",
            sa.Text(),
            nullable=False,
            comment="A digest of the gateway with the guest's contact, or the token.",
        ),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False, comment="What a booking may cost."),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("named_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("named_payments_payment_id_fkey")),
        sa.PrimaryKeyConstraint("payment_id", "caller", name=op.f("named_payments_pkey")),
    )
    op.create_table(
        "rulings",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("staff", sa.Text(), comment="Empty where a gateway spoke for the guest."),
        sa.Column("reason", sa.Text()),
        sa.Column("payment_id", sa.Uuid()),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("rulings_payment_id_fkey")),
        sa.PrimaryKeyConstraint("number", name=op.f("rulings_pkey")),
    )
    op.create_index(op.f("rulings_booking_id_idx"), "rulings", ["booking_id"])
    # ### end Alembic commands ###
    op.execute(ONLY_GROWS)
    for table in GROWING:
        op.execute(GUARD.format(table))


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, postgresql_where=sa.text(where))


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION only_grows()")
