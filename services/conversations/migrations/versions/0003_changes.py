"""Bookings that change or are off: the newest event that is known of each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "bookings",
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True, comment="the newest event that told its dates"),
    )
    op.add_column(
        "bookings",
        sa.Column(
            "off",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="nobody is expected any longer",
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("bookings", "off")
    op.drop_column("bookings", "as_of")
