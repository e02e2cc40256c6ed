"""What bookings cost since they changed or ended."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(12, 2)


def upgrade() -> None:
    """Create the prices, closed to changes."""
    op.create_table(
        "prices",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False, comment="Numbers what was asked for a booking."),
        sa.Column("total", MONEY, nullable=False),
        sa.Column("fee", MONEY, nullable=False),
        sa.Column(
            "paid", MONEY, nullable=False, comment="What was paid and kept, once the refund had been given back."
        ),
        sa.Column("refund", MONEY, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("total >= 0 AND fee >= 0 AND refund >= 0", name=op.f("prices_not_negative_check")),
        sa.PrimaryKeyConstraint("booking_id", "change", name=op.f("prices_pkey")),
    )
    op.execute(
        "CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON prices"
        " FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("prices")
