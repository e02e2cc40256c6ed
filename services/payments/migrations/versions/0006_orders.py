"""Orders at online gateways."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the orders."""
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gateway_id", sa.Text(), comment="Empty until the gateway has answered."),
        sa.Column("url", sa.Text(), comment="The page to pay on."),
        sa.CheckConstraint("amount > 0", name=op.f("orders_amount_check")),
        sa.PrimaryKeyConstraint("id", name="orders_pkey"),
    )


def downgrade() -> None:
    """Drop the orders."""
    op.drop_table("orders")
