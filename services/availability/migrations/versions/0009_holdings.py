"""For which time a hold was asked for: what speaks of an earlier time comes late."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there was asked for once, or it is no matter any more."""
    comment = "for which time it was asked for"
    op.add_column(
        "holds", sa.Column("holding", sa.Integer(), server_default=sa.text("1"), nullable=False, comment=comment)
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("holds", "holding")
