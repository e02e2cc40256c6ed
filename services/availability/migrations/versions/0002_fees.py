"""Fees of a property, and the cancellation policy of a package."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
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
    op.add_column(
        "packages", sa.Column("cancellation_policy", sa.Text(), nullable=True, comment="none: the property's own")
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_column("packages", "cancellation_policy")
    op.drop_table("fees")
