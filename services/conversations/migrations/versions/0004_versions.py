"""Every version of a booking, and when it was off: what counts is when something happened, not when it was heard."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; bookings that are off were so from their confirmation on, as they were read until now."""
    op.add_column("bookings", sa.Column("off_at", sa.DateTime(timezone=True), nullable=True, comment="since when"))
    op.add_column(
        "bookings",
        sa.Column(
            "versions",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="dates and rooms, by time",
        ),
    )
    op.execute("UPDATE bookings SET off_at = confirmed_at WHERE off")


def downgrade() -> None:
    """Drop them."""
    op.drop_column("bookings", "versions")
    op.drop_column("bookings", "off_at")
