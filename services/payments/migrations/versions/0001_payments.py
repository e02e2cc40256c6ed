"""Inbox, outbox, payments and the requests that they serve."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MONEY = sa.Numeric(12, 2)
MOMENT = sa.DateTime(timezone=True)
TEXTS = postgresql.ARRAY(sa.Text())


def upgrade() -> None:
    """Create the tables."""
    _create_engine_tables()
    _create_payments()
    _create_payment_requests()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("payment_requests", "payments", "outbox", "inbox"):
        op.drop_table(table)


def _create_engine_tables() -> None:
    op.create_table(
        "inbox",
        sa.Column("message_key", sa.Uuid(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("message_key", name="inbox_pkey"),
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
        sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
    )
    op.create_index("outbox_due_at_idx", "outbox", ["due_at"])


def _create_payments() -> None:
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
        sa.Column("codes", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reserved_at", MOMENT),
        sa.Column("captured_at", MOMENT),
        sa.Column(
            "has_money",
            sa.Boolean(),
            sa.Computed("reserved + captured + refunded < amount", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("amount > 0", name=op.f("payments_amount_check")),
        sa.CheckConstraint(
            "reserved >= 0 AND captured >= 0 AND refunded >= 0", name=op.f("payments_not_negative_check")
        ),
        sa.CheckConstraint("reserved + captured + refunded <= amount", name=op.f("payments_not_overdrawn_check")),
        sa.PrimaryKeyConstraint("id", name="payments_pkey"),
        sa.UniqueConstraint("source", "transfer_id", name="payments_source_transfer_id_key"),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index("payments_slip_idx", "payments", ["property_id", "amount", "has_money", "posted_on"])
    op.create_index(
        "payments_reference_idx",
        "payments",
        ["reference_key", "amount", "has_money", "posted_on"],
        postgresql_where=sa.text("reference_key IS NOT NULL"),
    )
    op.create_index(
        "payments_authorization_idx",
        "payments",
        ["authorization_key", "has_money"],
        postgresql_where=sa.text("authorization_key IS NOT NULL"),
    )
    op.create_index("payments_posted_on_idx", "payments", ["posted_on"], postgresql_using="brin")


def _create_payment_requests() -> None:
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
        sa.Column("codes", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("refusal", postgresql.JSONB()),
        sa.Column("waits", sa.Boolean(), sa.Computed("status = 'waiting'", persisted=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'reserved', 'captured', 'released', 'refused')",
            name=op.f("payment_requests_status_check"),
        ),
        sa.CheckConstraint(
            "status = 'released' OR amount IS NOT NULL",
            name=op.f("payment_requests_only_tombstones_are_empty_check"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('reserved', 'captured') OR payment_id IS NOT NULL",
            name=op.f("payment_requests_reserved_from_check"),
        ),
        sa.CheckConstraint(
            "status <> 'waiting' OR next_attempt_at IS NOT NULL", name=op.f("payment_requests_waits_until_check")
        ),
        sa.CheckConstraint(
            "status <> 'refused' OR refusal IS NOT NULL", name=op.f("payment_requests_refused_why_check")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="payment_requests_payment_id_fkey"),
        sa.PrimaryKeyConstraint("booking_id", name="payment_requests_pkey"),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index(
        "payment_requests_payment_id_idx",
        "payment_requests",
        ["payment_id"],
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        "payment_requests_waiting_slip_idx",
        "payment_requests",
        ["slip_amount", "slip_date"],
        postgresql_where=sa.text("waits"),
    )
    op.create_index(
        "payment_requests_waiting_reference_idx",
        "payment_requests",
        ["reference_key", "slip_amount"],
        postgresql_where=sa.text("waits"),
    )
    op.create_index(
        "payment_requests_waiting_card_idx",
        "payment_requests",
        ["authorization_key"],
        postgresql_where=sa.text("waits"),
    )
