"""Properties whose rooms an outside system keeps, and the calls to be made to it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outside_inventories",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("pause_seconds", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.CheckConstraint(
            "seconds > 0 AND attempts > 0 AND pause_seconds >= 0", name=op.f("outside_inventories_patience_check")
        ),
        sa.ForeignKeyConstraint(["property_id"], ["properties.id"], name=op.f("outside_inventories_property_id_fkey")),
        sa.PrimaryKeyConstraint("property_id", name=op.f("outside_inventories_pkey")),
    )
    op.create_table(
        "outside_errands",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("outside_errands_pkey")),
        sa.UniqueConstraint("id", name=op.f("outside_errands_id_key")),
    )
    op.create_index("outside_errands_booking_idx", "outside_errands", ["booking_id", "number"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("outside_errands_booking_idx", table_name="outside_errands")
    op.drop_table("outside_errands")
    op.drop_table("outside_inventories")
