"""Holds that move to other nights: the change that is not decided, and the newest that is known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "holds",
        sa.Column(
            "changes",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the newest change that it knows of",
        ),
    )
    op.add_column(
        "holds",
        sa.Column(
            "change",
            postgresql.JSONB(),
            nullable=True,
            comment="other nights that it has as well, until its booking decides",
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("holds", "change")
    op.drop_column("holds", "changes")
