"""One rate for the same conditions, so that a rate can be named by them."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CONDITIONS = "property_id, package_key, type_key, first_night, last_night, weekdays"


def upgrade() -> None:
    """Keep the first of those with the same conditions, which is the one that counted, and let there be no more."""
    op.execute(
        "DELETE FROM rates a USING rates b WHERE a.id > b.id AND "
        "(a.property_id, a.package_key) = (b.property_id, b.package_key) AND "
        "(a.type_key, a.first_night, a.last_night, a.weekdays) IS NOT DISTINCT FROM "
        "(b.type_key, b.first_night, b.last_night, b.weekdays)"
    )
    op.drop_index("rates_package_idx", table_name="rates")
    op.execute(f"CREATE UNIQUE INDEX rates_conditions_idx ON rates ({_CONDITIONS}) NULLS NOT DISTINCT")


def downgrade() -> None:
    """Allow them again."""
    op.drop_index("rates_conditions_idx", table_name="rates")
    op.create_index("rates_package_idx", "rates", ["property_id", "package_key"], unique=False)
