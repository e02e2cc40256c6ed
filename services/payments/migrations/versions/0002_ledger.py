"""The ledger: entries that are only ever added, opened with what is known of the payments that are there.

An instance of the older code writes no entries: `posada payments audit` names what it moved after this.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(12, 2)
MOMENT = sa.DateTime(timezone=True)

ONLY_GROWS = """
CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: correct it with another row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$"""
GUARD = """
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"""

OPEN = (
    "INSERT INTO ledger (payment_id, kind, cause, amount, at)"
    " SELECT id, 'arrived', id, amount, arrived_at FROM payments ORDER BY arrived_at, id",
    "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id)"
    " SELECT payment_id, 'reserved', booking_id, amount, changed_at, booking_id FROM payment_requests"
    " WHERE payment_id IS NOT NULL ORDER BY changed_at, booking_id",
    "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id)"
    " SELECT payment_id, 'released', booking_id, amount, changed_at, booking_id FROM payment_requests"
    " WHERE payment_id IS NOT NULL AND status = 'released' ORDER BY changed_at, booking_id",
    # In the order in which the payments have their codes.
    "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id, codes)"
    " SELECT payment_id, 'captured', booking_id, asked.amount, changed_at, booking_id, asked.codes"
    " FROM payment_requests AS asked JOIN payments ON payments.id = payment_id"
    " WHERE status = 'captured' ORDER BY array_position(payments.codes, asked.codes[1]), changed_at, booking_id",
)


def upgrade() -> None:
    """Create the ledger, open it, and close it to changes."""
    op.create_table(
        "ledger",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "cause", sa.Uuid(), nullable=False, comment="The booking, the refund, or for an arrival the payment."
        ),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="The order of writing."),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("booking_id", sa.Uuid()),
        sa.Column("codes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("staff", sa.Text(), comment="Who decided, where a person did."),
        sa.Column("reason", sa.Text()),
        sa.CheckConstraint(
            "kind IN ('arrived', 'reserved', 'captured', 'released', 'refunded')", name=op.f("ledger_kind_check")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ledger_amount_check")),
        sa.CheckConstraint(
            "kind IN ('arrived', 'refunded') OR booking_id IS NOT NULL", name=op.f("ledger_for_a_booking_check")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="ledger_payment_id_fkey"),
        sa.PrimaryKeyConstraint("payment_id", "kind", "cause", name="ledger_pkey"),
    )
    for statement in OPEN:
        op.execute(statement)
    op.create_index(
        "ledger_booking_id_idx", "ledger", ["booking_id"], postgresql_where=sa.text("booking_id IS NOT NULL")
    )
    op.execute(ONLY_GROWS)
    op.execute(GUARD)


def downgrade() -> None:
    """Drop the ledger."""
    op.drop_table("ledger")
    op.execute("DROP FUNCTION only_grows()")
