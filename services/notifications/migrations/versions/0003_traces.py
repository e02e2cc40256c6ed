"""The trace of the event that a delivery tells of."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there already has none."""
    op.add_column("deliveries", sa.Column("traceparent", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("deliveries", "traceparent")
