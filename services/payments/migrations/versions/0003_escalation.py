"""Requests that wait for the staff, and what the staff decided."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATUS = "payment_requests_status_check"
UNTIL = "payment_requests_waits_until_check"
WHY = "payment_requests_refused_why_check"
WIDER = {
    STATUS: "status IN ('waiting', 'escalated', 'reserved', 'captured', 'released', 'refused')",
    UNTIL: "status NOT IN ('waiting', 'escalated') OR next_attempt_at IS NOT NULL",
    WHY: "status NOT IN ('refused', 'escalated') OR refusal IS NOT NULL",
}
BEFORE = {
    STATUS: "status IN ('waiting', 'reserved', 'captured', 'released', 'refused')",
    UNTIL: "status <> 'waiting' OR next_attempt_at IS NOT NULL",
    WHY: "status <> 'refused' OR refusal IS NOT NULL",
}


def upgrade() -> None:
    """Widen the checks of requests, which older code fits as well, and create the rulings."""
    _check(WIDER)
    op.create_index(
        "payment_requests_escalated_idx",
        "payment_requests",
        ["next_attempt_at"],
        postgresql_where=sa.text("status = 'escalated'"),
    )
    op.create_table(
        "rulings",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff", sa.Text(), comment="Empty where a gateway spoke for the guest."),
        sa.Column("reason", sa.Text()),
        sa.Column("payment_id", sa.Uuid()),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="rulings_payment_id_fkey"),
        sa.PrimaryKeyConstraint("number", name="rulings_pkey"),
    )
    op.create_index("rulings_booking_id_idx", "rulings", ["booking_id"])
    op.execute(
        "CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON rulings"
        " FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"
    )


def downgrade() -> None:
    """Drop the rulings and narrow the checks; fails while a request waits for the staff."""
    op.drop_table("rulings")
    op.drop_index("payment_requests_escalated_idx", "payment_requests")
    _check(BEFORE)


def _check(checks: dict[str, str]) -> None:
    for name, condition in checks.items():
        op.drop_constraint(op.f(name), "payment_requests")
        op.create_check_constraint(op.f(name), "payment_requests", condition)
