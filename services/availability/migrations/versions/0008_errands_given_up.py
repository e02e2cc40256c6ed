"""Errands that fail are tried again a bounded number of times, and then wait for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "outside_errands"


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        TABLE,
        sa.Column(
            "attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="how often it was begun"
        ),
    )
    op.add_column(
        TABLE, sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="not before; NULL: now")
    )
    op.add_column(
        TABLE,
        sa.Column(
            "problem",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="what went wrong the last time",
        ),
    )
    op.add_column(
        TABLE,
        sa.Column(
            "given_up_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="it failed too often, and waits for a person",
        ),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("given_up_at", "problem", "due_at", "attempts"):
        op.drop_column(TABLE, name)
