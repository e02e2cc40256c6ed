"""Holds whose rooms others may have until they are held again."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a hold be freed."""
    _allow("held", "freed", "booked", "released")


def downgrade() -> None:
    """Those that are freed have no rooms, and end."""
    op.execute("UPDATE holds SET state = 'released' WHERE state = 'freed'")
    _allow("held", "booked", "released")


def _allow(*states: str) -> None:
    name = op.f("holds_state_check")
    op.drop_constraint(name, "holds", type_="check")
    listed = ", ".join(f"'{state}'" for state in states)
    op.create_check_constraint(name, "holds", f"state IN ({listed})")
