"""Charges and fees of bookings; a refund's id counts once."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the charges, closed to changes."""
    op.create_table(
        "charges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('charge', 'fee')", name=op.f("charges_kind_check")),
        sa.CheckConstraint("amount > 0", name=op.f("charges_amount_check")),
        sa.PrimaryKeyConstraint("id", name="charges_pkey"),
    )
    op.create_index("charges_booking_id_idx", "charges", ["booking_id"])
    op.create_index(
        "ledger_refund_idx", "ledger", ["cause"], unique=True, postgresql_where=sa.text("kind = 'refunded'")
    )
    op.execute(
        "CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON charges"
        " FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"
    )


def downgrade() -> None:
    """Drop the charges."""
    op.drop_index("ledger_refund_idx", "ledger")
    op.drop_table("charges")
