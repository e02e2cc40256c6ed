"""How far feeds are read, and the lines that could not be taken."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both."""
    op.create_table(
        "feeds",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("synced_at", MOMENT),
        sa.Column("failed_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("source", name="feeds_pkey"),
    )
    op.create_table(
        "broken_lines",
        sa.Column(
            "id", sa.Uuid(), nullable=False, comment="A digest of the line and its place: found again, it is the same."
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="The line of the file, or the entry of the statement, from 1.",
        ),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("corrected_at", MOMENT),
        sa.Column("staff", sa.Text(), comment="Who corrected it or put it aside."),
        sa.PrimaryKeyConstraint("id", name="broken_lines_pkey"),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("broken_lines")
    op.drop_table("feeds")
