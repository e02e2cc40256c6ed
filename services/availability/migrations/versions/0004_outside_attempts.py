"""What was tried at an outside inventory, room by room."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "outside_attempts",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fate IN ('calling', 'booked', 'taken', 'not_asked', 'doubtful', 'cancelled')",
            name=op.f("outside_attempts_fate_check"),
        ),
        sa.PrimaryKeyConstraint("booking_id", "line", "room", name=op.f("outside_attempts_pkey")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("outside_attempts")
